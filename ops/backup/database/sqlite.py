"""SQLite: VACUUM INTO makes a whole copy in one read transaction; writers go on meanwhile."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ops.backup.database.base import BLOBS, MIGRATIONS, BlobRow, Copy, by_app
from ops.backup.errors import BackupError
from ops.backup.files import digest, full, new_file, sync_folder
from ops.backup.manifest import Part
from ops.backup.seal import Opener, Seal

NAME = "database.sqlite3"
WAIT = 60.0  # seconds for a lock


class Sqlite:
    """See ``ops.backup.database.base.Database``."""

    kind = "sqlite"

    def __init__(self, config: dict[str, Any]) -> None:
        self.path = Path(config["NAME"])

    def size(self) -> int:
        with _open(self.path) as db:
            (pages,), (each,), (free,) = (
                db.execute(f"PRAGMA {name}").fetchone()
                for name in ("page_count", "page_size", "freelist_count")
            )
        return int((pages - free) * each)

    def copy(self, folder: Path, work: Path, seal: Seal) -> Copy:
        plain = (work if seal.suffix else folder) / NAME
        # Made first: VACUUM INTO takes an empty file, and its mode stays.
        os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with _open(self.path) as db:
                db.execute("VACUUM INTO ?", [str(plain)])
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise full(plain) from error
            raise BackupError(f"The database {self.path} could not be copied: {error}.") from error
        _check(plain)
        with _open(plain) as db:
            blobs = [BlobRow(*row) for row in db.execute(BLOBS)]
            counts, migrations = _counts(db), by_app(db.execute(MIGRATIONS).fetchall())
        descriptor = os.open(plain, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(plain.parent)
        if not seal.suffix:
            size, sha256 = digest(plain)
            part = Part(NAME, size, sha256)
        else:
            with plain.open("rb") as source, new_file(folder / (NAME + seal.suffix)) as target:
                seal.write(source, target)
            plain.unlink()
            part = Part(NAME + seal.suffix, target.size, target.sha256)
        return Copy(part, sqlite3.sqlite_version, blobs, counts, migrations)

    def is_empty(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with _open(self.path) as db:
            return not _tables(db)

    def load(self, path: Path, opener: Opener) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with new_file(self.path) as target:
            opener.write(path, target)
        _check(self.path)

    def counts(self) -> dict[str, int]:
        with _open(self.path) as db:
            return _counts(db)

    @contextlib.contextmanager
    def trial(self, path: Path, opener: Opener, work: Path) -> Iterator[dict[str, str] | str]:
        copy = Sqlite({"NAME": work / "trial.sqlite3"})
        copy.load(path, opener)
        yield {"DATABASE_URL": f"sqlite:///{quote(str(copy.path))}"}
        copy.path.unlink()


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that never makes the file, in autocommit."""
    db = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=WAIT, isolation_level=None)
    try:
        yield db
    finally:
        db.close()


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return sorted(name for (name,) in rows)


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    return {
        name: db.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]  # noqa: S608 its own name
        for name in _tables(db)
    }


def _check(path: Path) -> None:
    try:
        with _open(path) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            broken = db.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as error:
        found, broken = str(error), None
    if found != "ok":
        raise BackupError(f"The copy of the database in {path} is damaged: {found}.")
    if broken is not None:
        raise BackupError(f"The copy of the database has a row of {broken[0]} without {broken[2]}.")

"""Restoring a backup into an empty data folder and an empty database: docs/mechanisms/backup.md."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from core.identity import places
from core.installation import intentions
from core.layout import Layout
from ops.backup import check, database, logs, settle
from ops.backup.errors import BackupError
from ops.backup.files import new_file, room
from ops.backup.make import ATTEMPTS, SECRETS
from ops.backup.manifest import Manifest
from ops.backup.place import Place
from ops.backup.seal import Opener
from storage.backends import store

FILES, DATABASE = "files", "database"  # what a restore is about
#: what a command writes by itself into an empty data folder
OURS = frozenset({SECRETS})


@dataclass(frozen=True, slots=True)
class Wish:
    """Which backup, and what the restored installation is."""

    place: Path
    backup: str = ""
    identity: Path | None = None
    same: bool = False


def restore(wish: Wish, tell: Callable[[str], None]) -> Manifest:
    """All of it. Raises BackupError. A restore that was killed is taken up by the next one; until
    it has ended ./run does not start on the folder."""
    with Place.reading(wish.place) as place:
        folder, manifest = place.choose(wish.backup)
        opener = Opener(wish.identity)
        check.refuse_locked(manifest, opener)
        check.refuse_newer(manifest)
        target = _Target(Path(settings.VAR_DIR), database.current(), manifest, same=wish.same)
        if not target.is_loaded():
            target.begin()
            _write(place, folder, manifest, opener, target, tell)
        tell("bringing the database up to date")
        connections.close_all()  # a file behind a connection may have been another one
        call_command("migrate", interactive=False, verbosity=0)
        for line in settle.settle(manifest, same=wish.same):
            tell(line)
        identity = intentions.adopt() if wish.same else intentions.renew()
        tell(f"installation: {identity}, {'as it was' if wish.same else 'one of its own'}")
        target.end()
    return manifest


def _write(
    place: Place,
    folder: Path,
    manifest: Manifest,
    opener: Opener,
    target: _Target,
    tell: Callable[[str], None],
) -> None:
    if problems := check.files(folder, manifest):
        raise BackupError(f"Backup {manifest.id} is damaged: {problems[0]}")
    size = sum(part.size for part in manifest.files)
    room(target.var, size + (0 if manifest.elsewhere else manifest.blobs["bytes"]), "The restore")
    if manifest.elsewhere:
        _look_elsewhere(folder, manifest, opener, tell)
    else:
        tell(f"objects: {_objects(place, folder, manifest, opener):,} written")
    secrets = manifest.part(SECRETS)
    if secrets is None:
        raise BackupError(f"{folder} has no {SECRETS}: the backup is damaged.")
    with new_file(target.var / SECRETS) as file:
        opener.write(folder / secrets.name, file)
    packed = manifest.part(logs.NAME)
    if packed is not None:
        count = logs.unpack(folder / packed.name, opener, target.var / ATTEMPTS)
        tell(f"logs: of {count:,} attempts")
    target.load(folder, opener)
    tell(f"database: {sum(manifest.counts.values()):,} rows")


def _objects(place: Place, folder: Path, manifest: Manifest, opener: Opener) -> int:
    """Write the bytes of every blob into the store, each compared with the digest of its row."""
    done = 0
    for blob in check.listed(folder, manifest, opener):
        if not blob.held:
            continue  # named among the faults of the backup
        path = place.blob(blob.held)
        try:
            with opener.reading(path) as stream:
                written = store().put(blob.name, stream, None)
        except OSError as error:
            raise BackupError(f"{path}: {error.strerror or error}") from error
        if (written.size, written.sha256) != (blob.size, blob.sha256):
            raise BackupError(f"{path}: its bytes are not those of object {blob.name}.")
        done += 1
    return done


def _look_elsewhere(
    folder: Path, manifest: Manifest, opener: Opener, tell: Callable[[str], None]
) -> None:
    """The bytes were left in the object store: they have to be in the one that is named now."""
    there = {one.name for one in store().stored(0.0)}
    wanted = [blob.name for blob in check.listed(folder, manifest, opener)]
    missing = [name for name in wanted if name not in there]
    if missing:
        raise BackupError(
            f"{len(missing)} of {len(wanted)} objects are not in the object store that "
            f"MODELYARD_OBJECT_STORE names, the first is {missing[0]}. Bring them there first, or "
            "name the store that has them."
        )
    tell(f"objects: {len(wanted):,}, all of them in the object store")


class _Target:
    """An empty data folder and an empty database, or those of a restore that was killed."""

    def __init__(
        self, var: Path, base: database.Database, manifest: Manifest, *, same: bool
    ) -> None:
        self.var = var
        self._same = same
        self._base = base
        self._manifest = manifest
        self._marker = Layout(var).restoring
        if base.kind != manifest.database:
            raise BackupError(
                f"Backup {manifest.id} is of {manifest.database}, and DATABASE_URL names "
                f"{base.kind}. A backup is restored into a database of its own kind: set "
                "DATABASE_URL for it."
            )
        if same:
            self._refuse_twin()
        self._known: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError):
            self._known = json.loads(self._marker.read_text() or "{}")
        self._refuse_used()

    def _refuse_used(self) -> None:
        if self._marker.exists():
            if self._known.get("backup") not in (None, self._manifest.id):
                raise BackupError(
                    f"A restore of backup {self._known['backup']} into {self.var} was cut off. Run "
                    "it again, or empty the folder and the database to begin with another one."
                )
            return
        if self.var.is_dir():
            found = sorted(path.name for path in self.var.iterdir() if path.name not in OURS)
            if found:
                raise BackupError(
                    f"The data folder {self.var} is not empty ({found[0]}): nothing is restored "
                    "over an installation. Name an empty one with MODELYARD_VAR."
                )
        if not self._base.is_empty():
            raise BackupError(
                "The database that DATABASE_URL names is not empty: nothing is restored over an "
                "installation. Name an empty one."
            )
        self._refuse_store()

    def _refuse_twin(self) -> None:
        """Two that run with one id would end each other's work."""
        home = Path(self._manifest.home)
        if not self._manifest.home or home == self.var:
            return
        marker = places.read(home) or {}
        if marker.get("installation") == self._manifest.installation:
            raise BackupError(
                f"The original is still in its place: {home}. Without --same-installation the "
                "restored one is a copy that may run beside it. If the original is never started "
                f"again, take its marker away first: mv {home}/{places.MARKER} "
                f"{home}/{places.MARKER}.old"
            )

    def _refuse_store(self) -> None:
        """Bytes of two installations in one bucket would be swept by each other."""
        place = store()
        marker = place.marker()
        if self._manifest.elsewhere:
            own = marker is not None and places.same(marker.get("place"), place.place())
            if own and not self._same:
                raise BackupError(
                    "The objects of this backup were left in their object store, and "
                    "MODELYARD_OBJECT_STORE names the original's own. Copy the bucket and name the "
                    "copy; or, where the original is gone for good, say --same-installation."
                )
            return
        if marker is not None or next(iter(place.stored(0.0)), None) is not None:
            raise BackupError(
                "The object store that MODELYARD_OBJECT_STORE names is not empty: nothing is "
                "restored over an installation. Name an empty bucket or another prefix."
            )

    def is_loaded(self) -> bool:
        """Whether a restore was cut off after the database had been loaded, whole as always."""
        return self._known.get("about") == DATABASE and not self._base.is_empty()

    def begin(self) -> None:
        """Take the folder; what a killed restore of the same backup left goes first."""
        self.var.mkdir(parents=True, exist_ok=True)
        if self._marker.exists():
            for path in self.var.iterdir():
                if path == self._marker:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        self._note(FILES)

    def load(self, folder: Path, opener: Opener) -> None:
        """Bring the database in; afterwards it has the rows that the manifest counts."""
        if not self._base.is_empty():
            raise BackupError("The database is not empty any more; nothing was loaded into it.")
        self._note(DATABASE)
        part = next(part for part in self._manifest.files if part.name.startswith("database."))
        self._base.load(folder / part.name, opener)
        counts = self._base.counts()
        wrong = [
            table for table, count in self._manifest.counts.items() if counts.get(table) != count
        ]
        if wrong:
            raise BackupError(
                f"Table {wrong[0]} has {counts.get(wrong[0])} rows, the backup "
                f"{self._manifest.counts[wrong[0]]}: the database was changed meanwhile."
            )

    def end(self) -> None:
        """From here on it is an installation."""
        self._marker.unlink(missing_ok=True)

    def _note(self, about: str) -> None:
        with new_file(self._marker) as file:
            file.write(json.dumps({"backup": self._manifest.id, "about": about}).encode())

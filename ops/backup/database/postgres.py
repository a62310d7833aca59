"""PostgreSQL: pg_dump and what is read beside it see one exported snapshot; pg_restore loads it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ops.backup.database.base import BLOBS, MIGRATIONS, BlobRow, Copy, by_app
from ops.backup.errors import BackupError
from ops.backup.files import new_file
from ops.backup.manifest import Part
from ops.backup.seal import Opener, Seal

NAME = "database.dump"
INSTALLED = Path("/usr/lib/postgresql")  # Debian's place for the programs of every version
TABLES = """
    SELECT format('%I.%I', schemaname, tablename), tablename FROM pg_tables
    WHERE schemaname = current_schema() ORDER BY tablename
"""


class Postgres:
    """See ``ops.backup.database.base.Database``."""

    kind = "postgresql"

    def __init__(self, config: dict[str, Any]) -> None:
        self._parameters: dict[str, Any] = {
            "dbname": config["NAME"],
            "user": config["USER"],
            "password": config["PASSWORD"],
            "host": config["HOST"],
            "port": config["PORT"],
            **config["OPTIONS"],
        }
        self._parameters = {k: v for k, v in self._parameters.items() if v not in ("", None)}

    def size(self) -> int:
        with self._connect() as db:
            return int(_one(db, "SELECT pg_database_size(current_database())"))

    def copy(self, folder: Path, work: Path, seal: Seal) -> Copy:
        path = folder / (NAME + seal.suffix)
        with self._connect() as db:
            version = int(_one(db, "SHOW server_version_num"))
            program = _program("pg_dump", version)
            db.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # A server may end sessions that say nothing for long; this one waits for pg_dump.
            db.execute("SET idle_in_transaction_session_timeout = 0")
            with db.transaction():
                snapshot = str(_one(db, "SELECT pg_export_snapshot()"))
                line = [program, "--format=custom", "--no-owner", "--no-privileges"]
                with (
                    new_file(path) as target,
                    self._reading([*line, f"--snapshot={snapshot}"]) as dump,
                ):
                    seal.write(dump, target)
                rows = db.execute(BLOBS).fetchall()
                blobs = [BlobRow(key.hex, sha256, size) for key, sha256, size in rows]
                counts = _counts(db)
                migrations = by_app(db.execute(MIGRATIONS).fetchall())
        part = Part(path.name, target.size, target.sha256)
        return Copy(part, f"{version // 10000}.{version % 10000}", blobs, counts, migrations)

    def is_empty(self) -> bool:
        with self._connect() as db:
            return not db.execute(TABLES).fetchall()

    def load(self, path: Path, opener: Opener) -> None:
        with self._connect() as db:
            program = _program("pg_restore", int(_one(db, "SHOW server_version_num")))
        line = [program, "--no-owner", "--no-privileges", "--single-transaction"]
        # --exit-on-error is part of --single-transaction: it is loaded whole or not at all.
        with self._writing([*line, f"--dbname={self._shown()}"]) as pipe:
            opener.write(path, pipe)
        with self._connect() as db:
            db.execute("ANALYZE")

    def counts(self) -> dict[str, int]:
        with self._connect() as db:
            return _counts(db)

    @contextlib.contextmanager
    def trial(self, path: Path, opener: Opener, work: Path) -> Iterator[dict[str, str] | str]:
        name = f"modelyard_trial_{secrets.token_hex(4)}"
        try:
            with self._connect() as db:
                db.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
                )
        except psycopg.errors.InsufficientPrivilege:
            yield (
                "a trial needs a database of its own, and the user that DATABASE_URL names may not "
                "make one (ALTER ROLE ... CREATEDB)"
            )
            return
        trial = Postgres({"NAME": name, "USER": "", "PASSWORD": "", "HOST": "", "PORT": "",
                          "OPTIONS": {}})  # fmt: skip
        trial._parameters = {**self._parameters, "dbname": name}
        try:
            trial.load(path, opener)
            yield {"DATABASE_URL": trial._url()}
        finally:
            with self._connect() as db:
                db.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )

    # -- parts ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            db = psycopg.connect(make_conninfo(**self._parameters), autocommit=True)
        except psycopg.OperationalError as error:
            raise BackupError(f"The database does not answer: {str(error).strip()}") from error
        with db:
            try:
                yield db
            except psycopg.errors.InsufficientPrivilege:
                raise
            except psycopg.Error as error:
                raise BackupError(f"The database failed: {str(error).strip()}") from error

    def _shown(self) -> str:
        """How programs find the database: the password is in their environment, because command
        lines are seen by every user of the machine."""
        return make_conninfo(**{k: v for k, v in self._parameters.items() if k != "password"})

    def _environment(self) -> dict[str, str]:
        own = {"PGPASSWORD": str(self._parameters.get("password", ""))}
        return {**os.environ, **{name: value for name, value in own.items() if value}}

    def _url(self) -> str:
        rest = {k: v for k, v in self._parameters.items() if k not in ("dbname", "password")}
        password = self._parameters.get("password")
        if password:
            rest["password"] = password
        user = quote(str(rest.pop("user", "")), safe="")
        secret = quote(str(rest.pop("password", "")), safe="")
        who = f"{user}:{secret}@" if user else ""
        return f"postgres://{who}/{quote(self._parameters['dbname'])}?{urlencode(rest)}"

    @contextlib.contextmanager
    def _reading(self, line: list[str]) -> Iterator[BinaryIO]:
        """What a program writes. Raises BackupError with its words when it fails."""
        with subprocess.Popen(
            [*line, f"--dbname={self._shown()}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(),
        ) as process:
            with _words(process) as words:
                try:
                    yield process.stdout  # type: ignore[misc]
                except BaseException:
                    process.kill()
                    raise
            _ended(process, line[0], words)

    @contextlib.contextmanager
    def _writing(self, line: list[str]) -> Iterator[BinaryIO]:
        """What a program reads. Raises BackupError with its words when it fails."""
        with subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._environment(),
        ) as process:
            with _words(process) as words:
                try:
                    yield process.stdin  # type: ignore[misc]
                    process.stdin.close()  # type: ignore[union-attr]
                except BrokenPipeError:
                    process.wait()  # it failed; its words follow
                except BaseException:
                    process.kill()
                    raise
            _ended(process, line[0], words)


@contextlib.contextmanager
def _words(process: subprocess.Popen[bytes]) -> Iterator[list[bytes]]:
    """The last lines a program says, read beside, so that it never waits for a reader."""
    kept: list[bytes] = []

    def read() -> None:
        for text in process.stderr or ():
            kept.append(text[:500])
            del kept[:-5]

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        if process.poll() is None:
            process.wait()
        thread.join()


def _ended(process: subprocess.Popen[bytes], program: str, words: list[bytes]) -> None:
    if process.returncode != 0:
        said = b"".join(words).decode(errors="replace").strip()
        raise BackupError(f"{Path(program).name} failed (exit code {process.returncode}): {said}")


def _one(db: psycopg.Connection[Any], query: Any) -> Any:
    row = db.execute(query).fetchone()
    return row[0] if row else None


def _counts(db: psycopg.Connection[Any]) -> dict[str, int]:
    return {
        name: int(_one(db, sql.SQL("SELECT COUNT(*) FROM {}").format(sql.SQL(full))))
        for full, name in db.execute(TABLES).fetchall()
    }


def _program(name: str, server: int) -> str:
    """The program of the server's version, or the next newer one. Raises BackupError."""
    wanted = server // 10000
    found: dict[int, str] = {}
    for path in (shutil.which(name), *map(str, INSTALLED.glob(f"*/bin/{name}"))):
        version = _version(path) if path else None
        if version is not None:
            found.setdefault(version, str(path))
    fitting = sorted(version for version in found if version >= wanted)
    if fitting:
        return found[fitting[0]]
    package = f"apt-get install postgresql-client-{wanted}"
    if not found:
        raise BackupError(f"{name} is not installed, and PostgreSQL is copied with it: {package}")
    raise BackupError(
        f"{name} is of version {max(found)}, the server of {wanted}: an older one cannot read a "
        f"newer server. {package}"
    )


def _version(path: str) -> int | None:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"(\d+)(?:\.\d+)*", done.stdout)
    return int(number[1]) if done.returncode == 0 and number else None

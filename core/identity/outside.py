"""What a database says of itself, asked without Django, and the lock one installation holds in it.

The supervisor asks before it starts anything, so neither migrations nor settings are needed: a
database without the table was never started, or before there were markers.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from core.identity import places
from core.identity.judge import FOLDER, Facts, Seen

SQLITE_NAME = "modelyard.sqlite3"
SCHEMES = ("postgres", "postgresql", "pgsql")
UNREADABLE = (
    "DATABASE_URL cannot be read. It must look like postgres://user:password@host:5432/name;"
    " characters such as @ : / # in a password are written percent-encoded."
)
QUERY = "SELECT identity, generation, home FROM core_installation WHERE key = 1"
LOCK_SPACE = 0x4D6F6479
"""First half of the key of our advisory locks (PostgreSQL); the second says which."""
HOME_LOCK = 1
SESSION = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
END_SESSION = (
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s"
    " AND a.pid = %s AND a.backend_start = %s"
)
LOOK_SECONDS = 5.0


class NoDatabase(Exception):
    """The database cannot be asked; the message says why, without its password."""


class Held(Exception):
    """Another supervisor holds the database; the message says what to do."""


def connect(url: str, var: Path) -> Database:
    """The database that ``DATABASE_URL`` names; without one, SQLite's file in the data folder.

    Raises NoDatabase.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise NoDatabase(UNREADABLE) from None
    if not url or parts.scheme == "sqlite":
        path = Path("/" + unquote(parts.path).lstrip("/")) if url else var / SQLITE_NAME
        return SqliteFile(path, var)
    if parts.scheme not in SCHEMES:
        raise NoDatabase(
            f"DATABASE_URL starts with {parts.scheme or 'no'!r}:// which is not supported. It must "
            "look like postgres://user:password@host:5432/name or sqlite:////absolute/path.sqlite3."
        )
    return Postgres(url)


class Database:
    """One database. ``lock`` holds it until ``close``."""

    key: str = ""

    def facts(self) -> Facts:
        """Id and generation; empty for one that was never started. Raises NoDatabase."""
        raise NotImplementedError

    def lock(self, lost: Callable[[str], None], *, further: str = "") -> None:
        """Hold the database for this installation. ``further``: which further host holds it, beside
        the home. ``lost`` is called with a sentence, from another thread, when another supervisor
        got it while the connection was away. Raises Held."""
        raise NotImplementedError

    def close(self) -> None:
        """Let it go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SqliteFile(Database):
    """A file; the lock is a flock beside it, which ends with its holder."""

    def __init__(self, path: Path, var: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._handle = -1
        self.key = places.sqlite_key(str(path), var)

    def facts(self) -> Facts:
        place = f"SQLite {self._path}"
        if not self._path.exists():
            return Facts(place=place)
        try:
            connection = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", uri=True, timeout=20)
        except sqlite3.Error as problem:
            raise NoDatabase(f"{self._path} cannot be opened: {problem}") from None
        try:
            found = connection.execute(QUERY).fetchone()
        except sqlite3.OperationalError as problem:
            if "no such table" not in str(problem):
                raise NoDatabase(f"{self._path} cannot be read: {problem}") from None
            found = None
        except sqlite3.DatabaseError as problem:
            raise NoDatabase(f"{self._path} cannot be read: {problem}") from None
        finally:
            connection.close()
        return _facts(found, place)

    def lock(self, lost: Callable[[str], None], *, further: str = "") -> None:
        del lost, further  # a file is held until this process ends
        beside = self._path.with_name(f"{self._path.name}.supervisor")
        try:
            self._handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise NoDatabase(f"{beside} cannot be made: {problem.strerror}") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise Held(_held(f"SQLite {self._path}")) from None

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Postgres(Database):
    """A connection of its own, whose session holds an advisory lock. It has to reach the server
    itself: a pooler that shares sessions would share the lock as well."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._psycopg = psycopg
        self._url = libpq(url)
        self._connection = self._open()
        self.key = str(self._ask(places.POSTGRES_KEY)[0])
        self._session = self._ask(SESSION)
        self._ending = threading.Event()
        self._watch: threading.Thread | None = None

    def facts(self) -> Facts:
        info = self._connection.info
        place = f"PostgreSQL {info.dbname} on {info.host or 'localhost'}:{info.port}"
        try:
            found = self._ask(QUERY)
        except self._psycopg.errors.UndefinedTable:
            found = None
        return _facts(found, place)

    def lock(self, lost: Callable[[str], None], *, further: str = "") -> None:
        number = int(further[:7], 16) + 2 if further else HOME_LOCK
        place = self.facts().place
        if not self._take(number):
            raise Held(_held(place))
        self._watch = threading.Thread(
            target=self._keep, args=(number, place, lost), name="database-lock", daemon=True
        )
        self._watch.start()

    def close(self) -> None:
        self._ending.set()
        if self._watch is not None:
            self._watch.join(LOOK_SECONDS)
        with suppress(self._psycopg.Error):
            self._connection.close()

    def _keep(self, number: int, place: str, lost: Callable[[str], None]) -> None:
        """Take the lock again after the server was away: until then no process holds it."""
        while not self._ending.wait(LOOK_SECONDS):
            try:
                self._ask("SELECT 1")
            except self._psycopg.Error:
                with suppress(NoDatabase, self._psycopg.Error):
                    self._connection.close()
                    self._connection = self._open()
                    if self._retake(number):
                        continue
                    lost(_held(place))
                    return

    def _retake(self, number: int) -> bool:
        """Whether the lock is ours again. Where only the network was away, the server may not have
        noticed: then our own earlier session holds it, and is ended."""
        before, self._session = self._session, self._ask(SESSION)
        if self._take(number):
            return True
        self._connection.execute(END_SESSION, (LOCK_SPACE, number, *before))
        until = time.monotonic() + LOOK_SECONDS
        while not (taken := self._take(number)) and time.monotonic() < until:
            self._ending.wait(0.1)
        return taken

    def _open(self) -> Any:
        try:
            return self._psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=10,
                application_name="modelyard supervisor",
                # A host that is gone must not keep the lock for hours.
                tcp_user_timeout=30_000,
                keepalives_idle=10,
            )
        except self._psycopg.ProgrammingError:  # its words repeat the address
            raise NoDatabase(UNREADABLE) from None
        except self._psycopg.Error as problem:
            raise NoDatabase(f"DATABASE_URL does not answer: {problem}".strip()) from None

    def _ask(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()

    def _take(self, number: int) -> bool:
        return bool(self._ask(f"SELECT pg_try_advisory_lock({LOCK_SPACE}, {number})")[0])


def stores(var: Path, object_store: str) -> dict[str, Seen]:
    """The stores that can be looked at without Django: the folder, and the objects below it. A
    bucket is looked at by ``manage.py prepare``."""
    found = {FOLDER: Seen(places.read(var), places.of_folder(var))}
    objects = var / "objects"
    if not object_store and objects.is_dir():
        found["object"] = Seen(places.read(objects), places.of_folder(objects))
    return found


def libpq(url: str) -> str:
    """``DATABASE_URL`` as libpq reads it: without what only Django knows."""
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "conn_max_age"]
    # urlunsplit would drop the slashes of an empty host.
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{parts.netloc}{parts.path}{query}"


def other_database(url: str, name: str) -> str:
    """The address of another database on the same server, as libpq reads it."""
    parts = urlsplit(libpq(url))
    return f"postgresql://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


def _facts(found: Any, place: str) -> Facts:
    if found is None:
        return Facts(place=place)
    identity, generation, home = found
    return Facts(str(identity), int(generation), None, place, str(home))


def _held(place: str) -> str:
    return (
        f"Another Modelyard works on the database {place}. Stop it first; give this one a database "
        "of its own with DATABASE_URL; or see `manage.py installation join` for a further host."
    )

"""What the tests need beside them: a Redis-protocol server always, PostgreSQL when it can be had,
and engines, which are built once and kept."""

import getpass
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ops.supervisor import broker, probes
from ops.supervisor.process import Life, Program
from tests.engines import CACHE, PYTORCH, SKLEARN

NAME = "modelyard_t"
SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql", "/tmp")
START_WITHIN = 60.0


class Unavailable(Exception):
    """A server could not be started; the message says why."""


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Address of REDIS_URL, or of a server of our own that forgets everything."""
    given = os.environ.get("REDIS_URL", "").strip()
    if given:
        yield given
        return
    folder.mkdir()
    own = broker.prepare(folder)
    program = Program("redis", own.argv, ready=probes.redis_answers(own.url))
    life = Life(program, log=folder / "log", environment=os.environ, folder=folder)
    try:
        _wait(life, own.url)
        yield own.url
    finally:
        life.reap()


def _wait(life: Life, address: str) -> None:
    ready = life.program.ready
    deadline = time.monotonic() + START_WITHIN
    while ready and not ready():
        if life.ended() or time.monotonic() > deadline:
            raise Unavailable(f"{life.program.name} did not start: {life.last_words()}")
        time.sleep(0.05)


@contextmanager
def engines(environment: dict[str, str], *, slow: bool) -> Iterator[None]:
    """Begin to build the engines that are not there, beside everything else. A test that needs one
    waits for it, and fails with the build's log where it cannot be built."""
    builds = [
        subprocess.Popen(
            [sys.executable, "-m", "compute.engines.build", name, str(CACHE / name)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in (SKLEARN, *([PYTORCH] if slow else []))
    ]
    try:
        yield
    finally:
        for build in builds:
            build.wait()


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """Address of a database server to test on, or None when there is none.

    TEST_DATABASE_URL; else the local server by its socket, if the current user may create
    databases; else a server of our own, if PostgreSQL is installed. Only the name is ours: Django
    creates `test_<name>` and drops it. It holds the hour and the process id, so that two runs of
    ./test do not meet and what a killed run left can be told.
    """
    name = f"{NAME}{datetime.now(UTC):%Y%m%d%H}_{os.getpid()}"
    if given := os.environ.get("TEST_DATABASE_URL", "").strip():
        with tidy(_named(given, "postgres"), name):
            yield _named(given, name)
    elif socket := local_socket():
        where = f"host={socket}&user={getpass.getuser()}"
        with tidy(f"postgres:///postgres?{where}", name):
            yield f"postgres:///{name}?{where}"
    elif programs := binaries():
        with own_cluster(programs, folder) as socket:
            yield f"postgres:///{name}?host={socket}&user=modelyard"
    else:
        yield None


def _named(url: str, name: str) -> str:
    """The same server, another database. (urlunsplit would drop the slashes of an empty host.)"""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{name}" + (f"?{parts.query}" if parts.query else "")


@contextmanager
def tidy(url: str, name: str) -> Iterator[None]:
    """Drop what killed runs left more than a day ago, and at the end what this one left."""
    _drop(url, _stale)
    try:
        yield
    finally:
        _drop(url, lambda found: re.fullmatch(rf"test_{name}(_gw\d+)?", found) is not None)


def _stale(name: str) -> bool:
    """Whether a database is a test's and was made more than a day ago, by the hour in its name."""
    found = re.fullmatch(rf"test_{NAME}(\d{{10}})_\d+(_gw\d+)?", name)
    if not found:
        return False
    made = datetime.strptime(found[1], "%Y%m%d%H").replace(tzinfo=UTC)
    return datetime.now(UTC) - made > timedelta(days=1)


def _drop(url: str, doomed: Callable[[str], bool]) -> None:
    """Drop the server's databases that `doomed` picks by name, in use or not."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            names = connection.execute("SELECT datname FROM pg_database").fetchall()
            for (name,) in names:
                if doomed(name):
                    connection.execute(
                        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                            sql.Identifier(name)
                        )
                    )
    except psycopg.Error as problem:
        raise Unavailable(f"The PostgreSQL server for the tests: {problem}") from None


def local_socket() -> str | None:
    """The folder of a local server's socket where this user may create databases."""
    for folder in SOCKET_FOLDERS:
        if not glob.glob(f"{folder}/.s.PGSQL.5432"):
            continue
        query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        try:
            with psycopg.connect(host=folder, dbname="postgres", connect_timeout=5) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.Error:
            continue
        if row and row[0]:
            return folder
    return None


def binaries() -> Path | None:
    """The folder of the newest installed initdb and postgres."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_version, reverse=True)
    if found := shutil.which("initdb"):
        folders.append(str(Path(found).resolve().parent))
    for folder in folders:
        if Path(folder, "initdb").exists() and Path(folder, "postgres").exists():
            return Path(folder)
    return None


def _version(path: str) -> int:
    number = Path(path).parent.name
    return int(number) if number.isdigit() else 0


@contextmanager
def own_cluster(programs: Path, folder: Path) -> Iterator[str]:
    """A throw-away server on a socket below `folder`; yields the socket's folder."""
    folder.mkdir()
    # PostgreSQL refuses to run as root.
    account = _ordinary_account() if os.geteuid() == 0 else None
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    identity: dict[str, Any] = {}
    if account:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "modelyard",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    done = subprocess.run(
        [*initdb, "--no-sync", "--locale=C.UTF-8"],
        cwd=folder, capture_output=True, text=True, **identity,
    )  # fmt: skip
    if done.returncode != 0:
        raise Unavailable(f"initdb failed: {done.stderr.strip()}")
    # Durability is worth nothing for a database that lives for one test run.
    fast = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
    options = [part for item in ("listen_addresses=", *fast) for part in ("-c", item)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options],
            cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            **identity,
        )  # fmt: skip
    try:
        _wait_for_server(server, folder)
        yield str(folder)
    finally:
        server.send_signal(signal.SIGINT)  # "fast shutdown"
        try:
            server.wait(timeout=20)  # house-rule: it is killed then
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for_server(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while True:
        try:
            psycopg.connect(host=str(folder), dbname="postgres", user="modelyard").close()
            return
        except psycopg.Error as problem:
            if server.poll() is not None or time.monotonic() > deadline:
                words = (folder / "log").read_text(errors="replace")[-500:]
                raise Unavailable(f"PostgreSQL did not start: {problem}; {words}") from None
        time.sleep(0.05)


def _ordinary_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("PostgreSQL does not run as root and there is no user postgres or nobody")

"""./run looks whether database, folder and objects belong together before anything is started, and
signals only what proves to be this installation's."""

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from core.identity import outside, places
from core.layout import Layout
from ops.supervisor import lock, procfs
from tests.checks import services
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
WAITING = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
TABLE = "CREATE TABLE core_installation (key int, identity text, generation int, home text)"


class Small:
    """A data folder and a database with an id in them, as an earlier start leaves them."""

    def __init__(self, var: Path, database: Path | None = None) -> None:
        self.var = var
        self.identity = uuid.uuid4().hex
        (var / "objects").mkdir(parents=True)
        self.database = database or var / "modelyard.sqlite3"
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(TABLE)
            connection.execute(
                "INSERT INTO core_installation VALUES (1, ?, 5, ?)", (self.identity, str(var))
            )
        for folder in (var, var / "objects"):
            self.mark(folder)

    def mark(self, folder: Path, **other: object) -> None:
        marker = {
            "installation": self.identity,
            "generation": 5,
            "place": places.of_folder(folder),
            "database": f"SQLite {self.database}",
            "database_key": "",
        }
        places.write(folder, {**marker, **other})

    def generation(self, number: int) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("UPDATE core_installation SET generation = ?", (number,))


def start(var: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to be refused."""
    bare = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    line = [sys.executable, "-m", "ops.supervisor", "--var", str(var), "--port", "0"]
    return subprocess.run(
        [*line, "--gateway-port", "0", *arguments],
        cwd=ROOT,
        env={**bare, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path / "var")


@pytest.fixture
def stranger() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes in sessions of their own, which wait until they are ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(cwd: Path = ROOT, **variables: str) -> subprocess.Popen[str]:
        found = subprocess.Popen(
            WAITING,
            cwd=cwd,
            env={"PATH": os.environ["PATH"], **variables},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert found.stdout and found.stdout.readline() == "up\n"
        started.append(found)
        return found

    yield begin
    for one in started:
        one.kill()
        one.communicate()


def child(process: subprocess.Popen[str], name: str = "web") -> lock.Child:
    found = procfs.stat(process.pid)
    assert found
    return lock.Child(name, process.pid, found.started)


# -- refused before anything is started --------------------------------------------------------


def untouched(var: Path) -> None:
    """Nothing was started and nothing was migrated."""
    assert not list((var / "log").glob("*.log"))
    assert not (var / "run" / "state.json").exists()


@pytest.mark.parametrize("made", [False, True])
def test_another_database_over_a_folder(small: Small, tmp_path: Path, made: bool) -> None:
    other = tmp_path / "other.sqlite3"
    if made:
        Small(tmp_path / "elsewhere", other)
    done = start(small.var, DATABASE_URL=f"sqlite:///{other}")
    assert done.returncode == 1
    assert "DATABASE_URL names another database" in done.stderr
    assert str(small.database) in done.stderr
    assert f"./run --var {small.var} --adopt" in done.stderr
    untouched(small.var)
    assert made or not other.exists()


def test_a_missing_database(small: Small) -> None:
    small.database.unlink()
    done = start(small.var)
    assert done.returncode == 1
    assert "was never used" in done.stderr
    assert not small.database.exists()


def test_an_older_dump(small: Small) -> None:
    small.generation(3)
    done = start(small.var)
    assert "older than the data folder" in done.stderr
    assert "manage.py restore" in done.stderr
    untouched(small.var)


def test_an_older_folder(small: Small) -> None:
    small.generation(9)
    assert "is older than the database" in start(small.var).stderr


def test_a_copied_folder(small: Small, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small.var, copy)
    done = start(copy)
    assert done.returncode == 1
    assert f"is a copy of {small.var}" in done.stderr
    assert "the original is still there" in done.stderr
    # The original may hold the usual ports: those that were given are part of the command.
    typed = f"./run --var {copy} --this-is-a-copy --port 0 --gateway-port 0"
    assert typed in done.stderr
    looked = start(copy, "--check")
    assert looked.returncode == 1
    assert f"MISSING  The data folder {copy} is a copy of {small.var}" in looked.stdout
    assert "belong together" in start(small.var, "--check").stdout
    untouched(copy)


def test_a_moved_folder(small: Small) -> None:
    moved = small.var.rename(small.var.with_name("moved"))
    done = start(moved)
    assert f"was moved from {small.var} to {moved}" in done.stderr
    untouched(moved)


def test_a_second_folder_over_one_database(tmp_path: Path) -> None:
    first = Small(tmp_path / "var", tmp_path / "one.sqlite3")
    done = start(tmp_path / "second", DATABASE_URL=f"sqlite:///{first.database}")
    assert done.returncode == 1
    assert "second folder over one database" in done.stderr
    assert "manage.py installation join" in done.stderr
    untouched(tmp_path / "second")


def test_a_copy_of_the_folder_alone_is_no_copy(tmp_path: Path) -> None:
    first = Small(tmp_path / "var", tmp_path / "one.sqlite3")
    key = places.sqlite_key(str(first.database), first.var)
    first.mark(first.var, database_key=key)
    copy = tmp_path / "copy"
    shutil.copytree(first.var, copy)
    done = start(copy, "--this-is-a-copy", DATABASE_URL=f"sqlite:///{first.database}")
    assert done.returncode == 1
    assert "not a copy: it is the one that the original uses" in done.stderr
    untouched(copy)


def test_an_address_that_cannot_be_read_does_not_show_its_password(tmp_path: Path) -> None:
    for address in ("mysql://root:s3cret@host/x", "postgres://root:s3cret@[/x", "postgres://%zz"):
        done = start(tmp_path / "var", DATABASE_URL=address)
        assert done.returncode == 1
        assert "DATABASE_URL" in done.stderr
        assert "s3cret" not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


# -- one holder of a database ------------------------------------------------------------------


def test_a_file_of_sqlite_is_held_by_one(tmp_path: Path) -> None:
    """Two folders that name the same file, through a link as well."""
    first = Small(tmp_path / "var", tmp_path / "one.sqlite3")
    (tmp_path / "link.sqlite3").symlink_to(first.database)
    with outside.connect(f"sqlite:///{first.database}", first.var) as held:
        held.lock(print)
        second = outside.connect(f"sqlite:///{tmp_path}/link.sqlite3", first.var)
        with second, pytest.raises(outside.Held, match="Another Modelyard works on"):
            second.lock(print)
    with outside.connect(f"sqlite:///{first.database}", first.var) as third:
        third.lock(print)


def test_a_second_start_over_a_held_database_is_refused(small: Small) -> None:
    """The folder's own lock is free: it was taken for another folder of the same installation."""
    with outside.connect("", small.var) as held:
        held.lock(print)
        done = start(small.var)
    assert done.returncode == 1
    assert "Another Modelyard works on the database" in done.stderr
    untouched(small.var)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A database of PostgreSQL of our own."""
    socket = services.local_socket()
    if not socket:
        pytest.skip("there is no PostgreSQL whose socket this user may use")
    name = f"modelyard_held_{os.getpid()}"
    admin = f"postgres:///postgres?host={socket}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"postgres:///{name}?host={socket}&conn_max_age=60"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_database_of_postgresql_is_held_by_one(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the server, or the network, was away for a moment."""
    monkeypatch.setattr(outside, "LOOK_SECONDS", 0.05)
    lost: list[str] = []
    with outside.connect(postgres, tmp_path) as held, outside.connect(postgres, tmp_path) as second:
        assert held.facts().generation == 0
        assert held.key and held.key == second.key
        held.lock(lost.append)
        with pytest.raises(outside.Held):
            second.lock(print)
        second.lock(print, further="ab12" * 16)
        with psycopg.connect(outside.libpq(postgres), autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (held._session[0],))
            before = held._session
            until(lambda: held._session != before)
        with outside.connect(postgres, tmp_path) as third, pytest.raises(outside.Held):
            third.lock(print)
    assert lost == []
    with outside.connect(postgres, tmp_path) as third:
        third.lock(print)


def test_who_lost_the_database_is_told(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another start got it while the server was away from the first."""
    monkeypatch.setattr(outside, "LOOK_SECONDS", 0.5)
    told = threading.Event()
    with outside.connect(postgres, tmp_path) as held, outside.connect(postgres, tmp_path) as second:
        held.lock(lambda _text: told.set())
        with psycopg.connect(outside.libpq(postgres), autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (held._session[0],))

        def taken() -> bool:
            with suppress(outside.Held):
                second.lock(print)
                return True
            return False

        until(taken)
        assert told.wait(PATIENCE)


# -- what is signalled -------------------------------------------------------------------------


def test_a_copied_record_leads_to_no_signal(small: Small, tmp_path: Path, stranger) -> None:
    """The record of a running installation, copied with its folder, in all that may go wrong: the
    same id (a worker started by hand before anybody said that it is a copy), and a new one."""
    own = {"MODELYARD_VAR": str(small.var), "MODELYARD_INSTALLATION": small.identity}
    (small.var / "broker").mkdir()
    web, broker = stranger(**own), stranger(small.var / "broker")
    layout = Layout(small.var)
    layout.make()
    children = [child(web), child(broker, "broker")]
    lock.record(layout.state, {}, children, small.identity)
    copy = tmp_path / "copy"
    shutil.copytree(small.var, copy)
    for identity in (small.identity, uuid.uuid4().hex, ""):
        shutil.copy(layout.state, copy / "run" / "state.json")
        assert lock.sweep(copy / "run" / "state.json", copy, identity, patience=0) == []
    assert web.poll() is None and broker.poll() is None
    assert lock.sweep(layout.state, small.var, small.identity, patience=0) == ["web", "broker"]
    assert web.wait(60) == broker.wait(60) == -signal.SIGKILL


def test_a_record_of_another_installation_leads_to_no_signal(small: Small, stranger) -> None:
    """The folder's database was exchanged: what runs there is the other's."""
    other = stranger(MODELYARD_VAR=str(small.var), MODELYARD_INSTALLATION=uuid.uuid4().hex)
    layout = Layout(small.var)
    layout.make()
    for recorded in (small.identity, uuid.uuid4().hex):
        lock.record(layout.state, {}, [child(other)], recorded)
        assert lock.sweep(layout.state, small.var, small.identity, patience=0) == []
    assert other.poll() is None


def test_a_number_of_another_boot_is_nobody_s(small: Small, stranger) -> None:
    own = {"MODELYARD_VAR": str(small.var), "MODELYARD_INSTALLATION": small.identity}
    process = stranger(**own)
    layout = Layout(small.var)
    layout.make()
    lock.record(layout.state, {}, [child(process)], small.identity)
    known = json.loads(layout.state.read_text())
    layout.state.write_text(json.dumps({**known, "boot": "another"}))
    assert lock.sweep(layout.state, small.var, small.identity, patience=0) == []
    assert process.poll() is None


def test_a_record_of_before_is_still_swept(small: Small, stranger) -> None:
    """An upgrade after a kill -9: neither the record nor the processes name the id."""
    process = stranger(MODELYARD_VAR=str(small.var))
    layout = Layout(small.var)
    layout.make()
    (layout.state).write_text(json.dumps({"children": [vars(child(process))]}))
    assert lock.sweep(layout.state, small.var, small.identity, patience=0) == ["web"]
    assert process.wait(60) == -signal.SIGKILL


def test_the_folder_s_lock_is_its_own(small: Small, tmp_path: Path) -> None:
    """A copied lock file names the original's supervisor, and holds nothing."""
    layout = Layout(small.var)
    layout.make()
    with lock.Lock(layout.lock):
        shutil.copytree(small.var, tmp_path / "copy")
        with lock.Lock(Layout(tmp_path / "copy").lock):
            pass
        handle = os.open(layout.lock, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)

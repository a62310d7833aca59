"""Where secrets may lie, and nowhere else: the whole demonstration is played and then searched.

Planted or taken from the run: keys and words in the operator's environment, the installation's key,
the passwords of broker and database, passwords of people, right and wrong and in the wrong field,
an API token and one nobody issued, credentials of background work, keys of sessions. Searched:
command lines and environments while it runs, every page a person can reach; database, logs, job
folders and every other file of the data folder afterwards. Once on SQLite, once on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import psycopg
import pytest

from ops.drill.client import DrillFailed
from ops.drill.cluster import Cluster
from ops.supervisor import procfs
from tests.browser.installation import READY, ROOT, STOP_SECONDS, left_of, variables
from tests.doors.visitor import Visitor
from tests.engines import SKLEARN, engine_python

#: files that hold a secret because that is what they are for; each is readable by its owner only
HOMES = {
    "installation key": {"secrets.json"},
    "broker password": {"broker/password", "broker/url", "broker/valkey.conf"},
    "people": {"demo.json", "../out"},  # the demonstration tells its operator how to sign in
    "credential": {"credentials/*"},
    # Django looks sessions up by key
    "session": {"modelyard.sqlite3", "modelyard.sqlite3-wal", "cluster/data/*"},
}
#: what an operator's shell holds beside the platform's own settings
OPERATORS = (
    "AWS_SECRET_ACCESS_KEY", "OPERATOR_PASSWORD", "SSH_AUTH_SOCK", "HF_TOKEN", "PGPASSWORD",
    "GITHUB_TOKEN", "SMTP_PASSWORD", "KUBECONFIG",
)  # fmt: skip
PLAYED = "the demo ended, exit code 0"
_BEARER = re.compile(rb"my_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}")


def processes() -> Iterator[tuple[int, int, int]]:
    """Id, parent and beginning (in ticks since the machine's) of every process."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    told = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            yield int(name), int(told[1]), int(told[19])


@dataclass
class Watch:
    """What was seen of the processes of one run."""

    var: Path
    lines: dict[int, str] = field(default_factory=dict)
    bare: dict[int, str] = field(default_factory=dict)  # environments of runners and below
    bearers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.before = {pid: born for pid, _parent, born in processes()}

    def look(self) -> None:
        for pid, parent, born in processes():
            if self.before.get(pid) == born:
                continue  # of the machine: most are, and reading all of it takes a processor
            try:
                line = (
                    Path(f"/proc/{pid}/cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode(errors="replace")
                )
                environ = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            mine = str(self.var) in line or str(self.var) in environ or parent in self.lines
            if not mine:
                continue
            self.lines[pid] = self.lines.get(pid, "") + "\n" + line
            if parent in self.bare or " compute.runner" in line:  # a runner or its starter
                self.bare[pid] = self.bare.get(pid, "") + "\n" + environ
        for path in (self.var / "credentials").glob("*"):
            try:
                found = _BEARER.search(path.read_bytes())
                assert found is None or stat.S_IMODE(path.stat().st_mode) == 0o600, path
            except FileNotFoundError:
                continue
            if found:
                self.bearers.add(found[0].decode())


@dataclass(frozen=True, slots=True)
class Played:
    """One whole run: its processes, what was planted around it, and who visited."""

    watch: Watch
    planted: dict[str, str]
    visitor: Visitor
    database: Path | None  # PostgreSQL's own folder; None: SQLite, below ``var``

    @property
    def var(self) -> Path:
        return self.watch.var


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """The demonstration, then a person at the console, then the end of it all."""
    folder = tmp_path_factory.mktemp("secrets")
    planted = {name: f"canary-{secrets.token_hex(16)}" for name in OPERATORS}
    if request.param == "sqlite":
        yield play(folder, planted, {}, None)
        return
    with tempfile.TemporaryDirectory(prefix="modelyard-secrets-") as place:
        Path(place).chmod(0o711)  # its server is another user
        try:
            cluster = Cluster(Path(place) / "cluster")
        except DrillFailed as missing:
            if "not installed" not in str(missing):
                raise
            pytest.skip(str(missing))
        try:
            url = cluster.url.replace("@", f":{planted['PGPASSWORD']}@", 1)
            yield play(folder, planted, {"DATABASE_URL": url}, Path(place) / "cluster")
        finally:
            cluster.stop()


def play(
    folder: Path, planted: dict[str, str], settings: dict[str, str], database: Path | None
) -> Played:
    var = folder / "var"
    engines = Path(engine_python(SKLEARN)).parents[2]
    watch = Watch(var)
    log = var.parent / "out"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [ROOT / "run", "--demo", "--var", var, "--port", "0", "--gateway-port", "0"],
            env={**variables(var, engines), **planted, **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            while PLAYED not in log.read_text(errors="replace"):
                assert process.poll() is None, log.read_text(errors="replace")[-3000:]
                watch.look()
                time.sleep(0.05)  # a sampling period: every process of a job lives longer
            visitor = visit(var, log.read_text(errors="replace"))
            watch.look()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
    assert left_of(var) == []
    return Played(watch, planted, visitor, database)


def visit(var: Path, said: str) -> Visitor:
    """The owner at the console, with slips of the fingers."""
    ready = READY.search(said)
    assert ready, said[-3000:]
    owner = json.loads((var / "demo.json").read_text())["people"]["owner"]
    visitor = Visitor(ready[1])
    visitor.mistypes(owner["account"])
    visitor.signs_in(owner["account"], owner["password"])
    visitor.makes_secrets(owner["password"])
    visitor.looks_everywhere()
    return visitor


@pytest.fixture(scope="module")
def canaries(played: Played) -> dict[str, set[str]]:
    """Kind -> secrets of this run."""
    kept = json.loads((played.var / "demo.json").read_text())
    visitor = dict(played.visitor.planted)
    found = {
        "operator": set(played.planted.values()),
        "installation key": {json.loads((played.var / "secrets.json").read_text())["SECRET_KEY"]},
        "broker password": {(played.var / "broker/password").read_text().strip()},
        "people": {person["password"] for person in kept["people"].values()},
        "credential": {text[16:] for text in played.watch.bearers},
        "session": {visitor.pop("session"), visitor.pop("renewed session")},
        "visitor": set(visitor.values()),
    }
    assert len(played.watch.bearers) >= 2, "no credential of a job and of a service was seen"
    assert sum(map(len, found.values())) >= 20, {kind: len(each) for kind, each in found.items()}
    return found


pytestmark = pytest.mark.story


def test_no_command_line_holds_a_secret(played: Played, canaries: dict[str, set[str]]) -> None:
    """Every user of the machine reads command lines."""
    watch = played.watch
    assert len(watch.lines) > 10
    for kind, texts in canaries.items():
        for text in texts:
            held = [line for line in watch.lines.values() if text in line]
            assert not held, f"{kind} in {held[0][:200]}"


def test_runners_and_jobs_inherit_nothing(played: Played, canaries: dict[str, set[str]]) -> None:
    watch, planted = played.watch, played.planted
    assert len(watch.bare) >= 4, "runners and sandboxed programs of a job and of a service"
    for environ in watch.bare.values():
        for kind, texts in canaries.items():
            assert not any(text in environ for text in texts), kind
        for name in (*planted, "REDIS_URL", "DATABASE_URL", "MODELYARD_SECRET_KEY"):
            assert f"\0{name}=" not in environ and not environ.startswith(f"{name}=")


def test_no_page_shows_a_secret(played: Played, canaries: dict[str, set[str]]) -> None:
    """Every page that links lead to, after the secret was made and shown its one time."""
    assert len(played.visitor.pages) >= 20, sorted(played.visitor.pages)
    for path, text in played.visitor.pages.items():
        for kind, texts in canaries.items():
            assert not any(secret in text for secret in texts), f"{kind} on {path}"


def test_no_file_holds_a_secret_but_its_own(played: Played, canaries: dict[str, set[str]]) -> None:
    """Database, write-ahead log, logs, job folders, broker files, static files."""
    watch = played.watch
    files = [path for path in watch.var.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 50
    if played.database:
        assert not (watch.var / "modelyard.sqlite3").exists()
        files += [path for path in played.database.rglob("*") if path.is_file()]
    for path in (*files, watch.var.parent / "out"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # a running database replaces files of its own
        name = os.path.relpath(path, watch.var)
        if played.database and path.is_relative_to(played.database):
            name = f"cluster/{path.relative_to(played.database).as_posix()}"
        for kind, texts in canaries.items():
            if any(fnmatch(name, home) for home in HOMES.get(kind, ())):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert name == "../out" or mode == 0o600, f"{name} is open to others"
                continue
            assert not any(text.encode() in data for text in texts), f"{kind} in {name}"
        assert not _BEARER.search(data) or name.startswith("credentials/"), f"a bearer in {name}"


def test_credentials_are_gone_with_their_work(played: Played) -> None:
    """No file is left, and what was seen is refused: revoked in the database."""
    watch = played.watch
    left = [path.name for path in (watch.var / "credentials").iterdir()]
    assert set(left) <= {"address"}, left  # where runners find the console: no secret
    url = f"postgres://modelyard@/modelyard?host={played.database}"
    with closing(
        psycopg.connect(url.replace("postgres:", "postgresql:"))
        if played.database
        else sqlite3.connect(watch.var / "modelyard.sqlite3")
    ) as database:
        rows = dict(
            database.execute(
                "SELECT prefix, revoked_at FROM accounts_apitoken WHERE kind = 'credential'"
            ).fetchall()
        )
    for bearer in watch.bearers:
        assert rows.get(bearer[3:15], "gone") is not None, f"{bearer[:15]}… is still in force"


def test_private_places_are_private(played: Played) -> None:
    watch = played.watch
    for name in ("broker", "credentials", "log", "run"):
        assert stat.S_IMODE((watch.var / name).stat().st_mode) == 0o700, name
    for name in ("secrets.json",) if played.database else ("modelyard.sqlite3", "secrets.json"):
        assert stat.S_IMODE((watch.var / name).stat().st_mode) == 0o600, name
    for folder in (watch.var / "objects").iterdir():
        if folder.is_dir():
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_procfs_reads_what_this_test_needs() -> None:
    assert procfs.environment(os.getpid()), "without /proc the watch would see nothing"

"""Where secrets may lie, and nowhere else: the whole demonstration is played and then searched.

Planted or taken from the run: keys and words in the operator's environment, the installation's key,
the broker's password, passwords and API tokens of people, credentials of background work, the key
of a session. Searched: command lines and environments while it runs; database, logs, job folders
and every other file of the data folder afterwards.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.supervisor import procfs
from tests.browser.installation import ROOT, left_of, variables
from tests.engines import SKLEARN, engine_python

#: files that hold a secret because that is what they are for; each is readable by its owner only
HOMES = {
    "installation key": {"secrets.json"},
    "broker password": {"broker/password", "broker/url", "broker/valkey.conf"},
    "people": {"demo.json", "out"},  # the demonstration tells its operator how to sign in
    "credential": {"credentials/*"},
}
_BEARER = re.compile(rb"my_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}")


@dataclass
class Watch:
    """What was seen of the processes of one run."""

    var: Path
    lines: dict[int, str] = field(default_factory=dict)
    bare: dict[int, str] = field(default_factory=dict)  # environments of runners and below
    bearers: set[str] = field(default_factory=set)

    def look(self) -> None:
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            pid = int(entry.name)
            try:
                line = (
                    Path(entry.path, "cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode(errors="replace")
                )
                parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
                environ = Path(entry.path, "environ").read_bytes().decode(errors="replace")
            except (OSError, ValueError, IndexError):
                continue
            mine = str(self.var) in line or str(self.var) in environ or parent in self.lines
            if not mine:
                continue
            self.lines[pid] = self.lines.get(pid, "") + "\n" + line
            if parent in self.bare or " compute.runner " in line:
                self.bare[pid] = self.bare.get(pid, "") + "\n" + environ
        for path in (self.var / "credentials").glob("*"):
            try:
                found = _BEARER.search(path.read_bytes())
                assert found is None or stat.S_IMODE(path.stat().st_mode) == 0o600, path
            except FileNotFoundError:
                continue
            if found:
                self.bearers.add(found[0].decode())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Watch, dict[str, str]]:
    var = tmp_path_factory.mktemp("secrets") / "var"
    engines = Path(engine_python(SKLEARN)).parents[2]
    planted = {
        name: f"canary-{secrets.token_hex(16)}"
        for name in ("AWS_SECRET_ACCESS_KEY", "OPERATOR_PASSWORD", "SSH_AUTH_SOCK", "HF_TOKEN")
    }
    watch = Watch(var)
    with (
        (var.parent / "out").open("wb") as out,
        subprocess.Popen(
            [ROOT / "run", "--demo", "--exit", "--var", var, "--port", "0", "--gateway-port", "0"],
            env={**variables(var, engines), **planted},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        while process.poll() is None:
            watch.look()
            time.sleep(0.05)  # a sampling period: every process of a job lives longer
    assert process.returncode == 0, (var.parent / "out").read_text()[-3000:]
    assert left_of(var) == []
    return watch, planted


@pytest.fixture(scope="module")
def canaries(played: tuple[Watch, dict[str, str]]) -> dict[str, set[str]]:
    """Kind -> secrets of this run."""
    watch, planted = played
    kept = json.loads((watch.var / "demo.json").read_text())
    found = {
        "operator": set(planted.values()),
        "installation key": {json.loads((watch.var / "secrets.json").read_text())["SECRET_KEY"]},
        "broker password": {(watch.var / "broker/password").read_text().strip()},
        "people": {person["password"] for person in kept["people"].values()},
        "credential": {text[16:] for text in watch.bearers},
    }
    assert len(watch.bearers) >= 2, "no credential of a job and of a service was seen"
    return found


pytestmark = pytest.mark.story


def test_no_command_line_holds_a_secret(
    played: tuple[Watch, dict[str, str]], canaries: dict[str, set[str]]
) -> None:
    """Every user of the machine reads command lines."""
    watch, _planted = played
    assert len(watch.lines) > 10
    for kind, texts in canaries.items():
        for text in texts:
            held = [line for line in watch.lines.values() if text in line]
            assert not held, f"{kind} in {held[0][:200]}"


def test_runners_and_jobs_inherit_nothing(
    played: tuple[Watch, dict[str, str]], canaries: dict[str, set[str]]
) -> None:
    watch, planted = played
    assert len(watch.bare) >= 4, "runners and sandboxed programs of a job and of a service"
    for environ in watch.bare.values():
        for kind, texts in canaries.items():
            assert not any(text in environ for text in texts), kind
        for name in (*planted, "REDIS_URL", "DATABASE_URL", "MODELYARD_SECRET_KEY"):
            assert f"\0{name}=" not in environ and not environ.startswith(f"{name}=")


def test_no_file_holds_a_secret_but_its_own(
    played: tuple[Watch, dict[str, str]], canaries: dict[str, set[str]]
) -> None:
    """Database, write-ahead log, logs, job folders, broker files, static files."""
    watch, _planted = played
    files = [path for path in watch.var.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(files) > 50
    for path in (*files, watch.var.parent / "out"):
        data = path.read_bytes()
        name = path.relative_to(watch.var.parent).as_posix().removeprefix("var/")
        for kind, texts in canaries.items():
            if any(Path(name).match(home) for home in HOMES.get(kind, ())):
                mode = stat.S_IMODE(path.stat().st_mode)
                assert name == "out" or mode == 0o600, f"{name} is open to others"
                continue
            assert not any(text.encode() in data for text in texts), f"{kind} in {name}"
        assert not _BEARER.search(data) or name.startswith("credentials/"), f"a bearer in {name}"


def test_credentials_are_gone_with_their_work(played: tuple[Watch, dict[str, str]]) -> None:
    """No file is left, and what was seen is refused: revoked in the database."""
    watch, _planted = played
    assert list((watch.var / "credentials").glob("*")) == []
    with closing(sqlite3.connect(watch.var / "modelyard.sqlite3")) as database:
        rows = dict(
            database.execute(
                "SELECT prefix, revoked_at FROM accounts_apitoken WHERE kind = 'credential'"
            ).fetchall()
        )
    for bearer in watch.bearers:
        assert rows.get(bearer[3:15], "gone") is not None, f"{bearer[:15]}… is still in force"


def test_private_places_are_private(played: tuple[Watch, dict[str, str]]) -> None:
    watch, _planted = played
    for name in ("broker", "credentials", "log", "run"):
        assert stat.S_IMODE((watch.var / name).stat().st_mode) == 0o700, name
    for name in ("modelyard.sqlite3", "secrets.json"):
        assert stat.S_IMODE((watch.var / name).stat().st_mode) == 0o600, name
    for folder in (watch.var / "objects").iterdir():
        if folder.is_dir():
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_procfs_reads_what_this_test_needs() -> None:
    assert procfs.environment(os.getpid()), "without /proc the watch would see nothing"

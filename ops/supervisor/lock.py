"""One supervisor per data folder, and what is left of one that was killed."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from core.layout import Layout
from ops.supervisor import procfs


class AlreadyRunning(Exception):
    """Another supervisor holds the data folder."""


@dataclass(frozen=True)
class Child:
    """A process the supervisor started, identified beyond its number."""

    name: str
    pid: int
    started: int


class Lock:
    """Holds the data folder for as long as this process lives.

    The kernel's flock decides, because it ends with the holder however it dies: no stale lock can
    exist and two starters cannot both win. The pid and start time inside the file only serve the
    message and `--check`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def __enter__(self) -> Self:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise AlreadyRunning(self._message()) from None
        own = procfs.stat(os.getpid())
        note = {"pid": os.getpid(), "started": own.started if own else 0}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(note).encode(), 0)
        self._handle = handle
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def holder(self) -> int | None:
        """The pid of the living holder, or None."""
        note = read_json(self._path)
        pid, started = note.get("pid", 0), note.get("started", 0)
        return pid if pid and procfs.alive(pid, started) and self._is_held() else None

    def _is_held(self) -> bool:
        """A copied file names the holder of the original, and no process holds it."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def _message(self) -> str:
        holder = self.holder()
        who = f"process {holder}" if holder else "another process"
        folder = self._path.parent.parent
        return (
            f"Modelyard already runs on {folder} ({who}). Stop it with Ctrl-C or `kill"
            f" {holder or '<pid>'}`, or start this one on another folder: ./run --var DIR."
        )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none or it was cut short by a crash."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace the file at once, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump(value, stream, indent=1)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def record(
    path: Path, addresses: dict[str, str], children: Iterable[Child], installation: str = ""
) -> None:
    """Write down what runs, for `--check` and for the next supervisor after a kill -9."""
    write_json(
        path,
        {
            "installation": installation,
            "boot": procfs.boot(),
            "addresses": addresses,
            "children": [asdict(child) for child in children],
        },
    )


def forget_running(layout: Layout) -> None:
    """In a copied or moved folder: what ran belongs to where it was copied from. Its processes are
    not ended by us, and its broker, whose port and password are written here, is not ours."""
    layout.state.unlink(missing_ok=True)
    for name in ("port", "password", "url", "valkey.conf"):
        (layout.broker / name).unlink(missing_ok=True)
    for socket in (layout.var / "work" / "starters").glob("*.sock"):
        socket.unlink(missing_ok=True)


def sweep(path: Path, var: Path, installation: str = "", patience: float = 5.0) -> list[str]:
    """End what a killed supervisor left behind and return the names.

    Its children got a signal from the kernel when it died and usually are gone or going; they keep
    ports, so this waits up to `patience` seconds and then kills the rest. The record is only a
    hint, which may have been copied from another folder: a process is signalled only when it proves
    to be this installation's (`is_ours`), or descends from one that does.
    """
    names = []
    known = read_json(path)
    if known.get("installation", installation) == installation and _this_boot(known):
        for item in known.get("children", []):
            child = Child(**item)
            if _members(child, var, installation):
                names.append(child.name)
                _end(child, var, installation, patience)
    path.unlink(missing_ok=True)
    return names


def _this_boot(known: dict[str, Any]) -> bool:
    """Whether numbers and start times still mean what they meant; older records do not say."""
    boot = procfs.boot()
    return bool(known.get("boot", boot) == boot)


def _end(child: Child, var: Path, installation: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while _members(child, var, installation) and time.monotonic() < deadline:
        time.sleep(0.05)  # not our children: the kernel sends no event when they end
    while members := _members(child, var, installation):
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _members(child: Child, var: Path, installation: str) -> list[int]:
    """Living processes of the session that `child` began, as far as they are ours."""
    leader = procfs.stat(child.pid)
    if leader and leader.started != child.started:
        return []  # the number belongs to somebody else by now
    members = list(procfs.session_members(child.pid))
    # No process can enter a session from outside: all of it descends from its leader.
    if leader and is_ours(child.pid, var, installation):
        return members
    return [pid for pid in members if is_ours(pid, var, installation)]


def is_ours(pid: int, var: Path, installation: str) -> bool:
    """Whether a process proves that this installation started it: it was given its id and this
    very folder. Some (Valkey) overwrite their environment: they work in a folder below this one,
    which a copy of it is not."""
    given = procfs.environment(pid)
    if "MODELYARD_VAR" in given:
        same = given.get("MODELYARD_INSTALLATION", installation) == installation
        return same and given["MODELYARD_VAR"] == str(var)
    return procfs.works_below(pid, var)

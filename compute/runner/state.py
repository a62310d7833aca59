"""state.json: what the runner knows, written whole and atomically, read by any process.

Durations come from the monotonic clock of the host; wall times are for people. `seq` grows with
every write, so a reader can order what it saw; `token` fences reports of an older attempt.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = 1
PREPARING, RUNNING, UPLOADING, STOPPING, EXITED = (
    "preparing",
    "running",
    "uploading",
    "stopping",
    "exited",
)
SUCCEEDED, FAILED, STOPPED = "succeeded", "failed", "stopped"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
ROOM_SECONDS = 600.0  # how long the end of an attempt waits for room on the disk to be written
LISTED = 1000  # entries of file lists kept in the document

UPLOAD_RETRY = "upload_retry"  # in `detail` of an attempt whose upload was tried again


def upload_failed(state: dict[str, Any]) -> bool:
    """Whether an attempt's upload failed, or its repetition was cut off."""
    if state.get("phase") == UPLOADING:
        return UPLOAD_RETRY in state.get("detail", {})
    return state.get("reason_code") == "UPLOAD_FAILED"


@dataclass
class Stage:
    """One step of the attempt; seconds is None while it lasts."""

    name: str
    started_at: str
    seconds: float | None = None


@dataclass
class State:
    """Fields of state.json.

    phase: preparing, running, uploading, stopping, exited. outcome: "" until exited, then
    succeeded, failed or stopped. reason_code: "" on success, else a stable code (see `classify`).
    said: the message by its code (compute.runner.sentences), where it has one.
    exit_code, signal: of the program, None when it did not run or still runs. oom: the kernel ended
    a process of the job because of its memory limit. detail: log_tail, exception, location,
    fetched, uploaded, failed_uploads, warnings. usage: memory_bytes, memory_peak_bytes, disk_bytes.
    installation, directory: whose runner wrote it, and in which directory (device and inode): a
    copy of the file proves nothing about processes.
    disk: "volume" where the kernel bounds the working files, "measured" where it does not.
    """

    attempt: str
    token: int
    kind: str
    schema: int = SCHEMA
    seq: int = 0
    phase: str = PREPARING
    stage: str = ""
    outcome: str = ""
    reason_code: str = ""
    message: str = ""
    said: dict[str, Any] | None = None
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    isolation: str = ""
    disk: str = ""
    pid: int = 0
    pid_start: int = 0
    boot_id: str = ""
    installation: str = ""
    directory: str = ""
    uid: int = 0
    program_pid: int = 0
    program_pid_start: int = 0
    cgroup: dict[str, Any] = field(default_factory=dict)
    started_at: str = ""
    running_at: str = ""
    ended_at: str = ""
    run_seconds: float | None = None
    total_seconds: float | None = None
    stages: list[Stage] = field(default_factory=list)
    heartbeat_at: str = ""
    heartbeat_monotonic: float = 0.0
    usage: dict[str, int] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)

    def add(self, key: str, entry: Any) -> None:
        """Append to a list in `detail`, counting what is beyond LISTED without keeping it."""
        entries = self.detail.setdefault(key, [])
        self.detail[f"{key}_count"] = self.detail.get(f"{key}_count", 0) + 1
        if len(entries) < LISTED:
            entries.append(entry)


class StateFile:
    """The state and its file."""

    def __init__(self, path: Path, state: State) -> None:
        self.path = path
        self.state = state
        self._born = time.monotonic()
        self._stage_began = self._born
        self._written = 0.0
        state.started_at = now()
        state.pid = os.getpid()
        state.pid_start = process_start(state.pid) or 0
        state.boot_id = boot_id()
        state.installation = os.environ.get("MODELYARD_INSTALLATION", "")
        state.directory = directory_key(path.parent)

    def enter(self, phase: str, stage: str) -> None:
        """Begin a phase and stage, ending the one before. On a full disk the next beat tells it."""
        self._end_stage()
        self.state.phase, self.state.stage = phase, stage
        self.state.stages.append(Stage(stage, now()))
        self._stage_began = time.monotonic()
        self._write_if_room()

    def finish(self, logged: Callable[[], bool] = lambda: True) -> None:
        """Write the last state, after the last words were `logged`; on a full disk wait for room,
        because it is not written later."""
        self._end_stage()
        self.state.phase, self.state.stage = EXITED, ""
        self.state.ended_at = now()
        self.state.total_seconds = round(time.monotonic() - self._born, 3)
        until = time.monotonic() + ROOM_SECONDS
        while not (logged() and self._write_if_room()):
            if time.monotonic() > until:
                self.write()
            time.sleep(0.5)

    def beat(self, seconds: float) -> bool:
        """Write when the last write is older than `seconds`; True when it did. A full disk makes
        the attempt look silent for a while, which is better than ending it."""
        if time.monotonic() - self._written < seconds:
            return False
        return self._write_if_room()

    def _write_if_room(self) -> bool:
        try:
            self.write()
        except OSError as error:
            if not is_full(error):
                raise
            return False
        return True

    def write(self) -> None:
        """Replace the file atomically. A vanished directory raises FileNotFoundError."""
        self.state.seq += 1
        self.state.heartbeat_at = now()
        self.state.heartbeat_monotonic = time.monotonic()
        self._written = self.state.heartbeat_monotonic
        # Not asdict(state): copying what is only read takes more time than writing it.
        write_atomic(self.path, json.dumps(vars(self.state), default=asdict, ensure_ascii=False))

    def _end_stage(self) -> None:
        if self.state.stages and self.state.stages[-1].seconds is None:
            self.state.stages[-1].seconds = round(time.monotonic() - self._stage_began, 3)


def is_full(error: OSError) -> bool:
    """Whether the disk or the quota had no room."""
    return error.errno in FULL


def write_atomic(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader sees the old or the new text, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(text.encode("utf-8", "replace"))
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_state(path: Path) -> dict[str, Any]:
    """The document as a dict; empty when there is none yet."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def process_start(pid: int) -> int | None:
    """Start time of a living process in clock ticks after boot: with the pid it names a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    rest = text.rpartition(")")[2].split()
    return None if rest[0] in ("Z", "X") else int(rest[19])


def directory_key(directory: Path) -> str:
    """A directory by device and inode, which a copy of it does not share; "" where it is gone."""
    try:
        status = directory.stat()
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def boot_id() -> str:
    """Identity of this boot of the host; monotonic times and pids mean nothing across boots."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def now() -> str:
    """UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")

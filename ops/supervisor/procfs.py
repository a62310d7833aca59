"""Facts about processes from /proc (proc(5))."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Stat(NamedTuple):
    """The fields of /proc/<pid>/stat that identify a process."""

    pid: int
    state: str
    session: int
    started: int
    """Clock ticks between boot and start: with the pid it names one process for ever."""


def stat(pid: int) -> Stat | None:
    """The process's facts, or None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return Stat(pid, fields[0], int(fields[3]), int(fields[19]))


def alive(pid: int, started: int) -> bool:
    """Whether this very process (not another one with its number) still runs."""
    found = stat(pid)
    return found is not None and found.started == started and found.state not in "ZX"


def session_members(session: int) -> Iterator[int]:
    """Pids of the living processes of a session."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            found = stat(int(entry.name))
            if found and found.session == session and found.state not in "ZX":
                yield found.pid


def environment(pid: int) -> dict[str, str]:
    """Variables the process was started with; empty when it is gone or not ours to read."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (os.fsdecode(item).partition("=") for item in raw.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def boot() -> str:
    """Identity of this boot: numbers of processes mean nothing across boots."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def works_below(pid: int, folder: Path) -> bool:
    """Whether a process works in `folder` or one directly below it. Compared by device and inode,
    so that a copy of the folder, or one of the same name elsewhere, is not it."""
    try:
        here = (PROC / str(pid) / "cwd").stat()
        places = [folder, *(entry for entry in folder.iterdir() if entry.is_dir())]
        return any(os.path.samestat(here, place.stat()) for place in places)
    except OSError:
        return False

"""Which processes and control groups are provably an attempt's of this installation.

What a state file names is a hint: the folder may be a copy of one whose runners live, or a number
may belong to somebody else by now. A process counts as ours only if the state was written in this
very directory, under this installation's id and this boot, and the process itself agrees.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from compute.runner.layout import Layout
from compute.runner.state import boot_id, directory_key, process_start
from compute.sandbox.cgroups import JobGroup, group_name

VARIABLE = "MODELYARD_INSTALLATION"


def is_process(pid: int, start: int) -> bool:
    """Whether exactly this process is alive."""
    return pid > 0 and process_start(pid) == start


def is_ours(state: dict[str, Any], layout: Layout, installation: str) -> bool:
    """Whether a state was written here: by a runner of this installation, in this directory and no
    copy of it, under this boot. One of before this was recorded proves nothing."""
    return (
        state.get("boot_id") == boot_id()
        and state.get("installation") == installation
        and bool(state.get("directory"))
        and state.get("directory") == directory_key(layout.directory)
    )


def runner(state: dict[str, Any], layout: Layout, installation: str) -> int:
    """The living runner of an attempt, 0 where there is none of ours."""
    pid, start = int(state.get("pid", 0)), int(state.get("pid_start", 0))
    if state.get("boot_id") != boot_id() or not is_process(pid, start):
        return 0
    proved = is_ours(state, layout, installation)
    if ("directory" in state and not proved) or _given(pid) not in (installation, None):
        return 0
    works = _works_in(pid, layout.directory)
    # One that is just ending has no working directory any more, and still unmounts its volume.
    return pid if works or (works is None and proved) else 0


def program(state: dict[str, Any], layout: Layout, installation: str) -> int:
    """The living first process of the sandbox, 0 where there is none of ours. Without its runner a
    state of before is no proof."""
    pid, start = int(state.get("program_pid", 0)), int(state.get("program_pid_start", 0))
    if not is_process(pid, start) or _given(pid) not in (installation, None):
        return 0
    proved = is_ours(state, layout, installation) or runner(state, layout, installation)
    return pid if proved else 0


def job_group(state: dict[str, Any], layout: Layout, installation: str) -> JobGroup | None:
    """The control groups that a runner of ours recorded. Their names carry the id; those of before
    count while their runner lives."""
    recorded = state.get("cgroup") or {}
    directories = recorded.get("directories") or {}
    attempt = str(state.get("attempt", ""))
    name = group_name(installation, attempt) if "directory" in state else attempt
    if not directories or any(Path(path).name != name for path in directories.values()):
        return None
    if not is_ours(state, layout, installation) and not runner(state, layout, installation):
        return None
    return JobGroup.at(int(recorded.get("version", 0)), directories)


def marked(attempt: str, installation: str) -> list[int]:
    """Processes that have the attempt's id in their environment, wherever they hide, but for those
    of another installation: a copy has attempts of the same ids."""
    mark, found = f"MODELYARD_ATTEMPT={attempt}".encode(), []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                given = Path(entry.path, "environ").read_bytes().split(b"\0")
                if mark in given and _installation(given) in (installation, None):
                    found.append(int(entry.name))
    return found


def kill_process(pid: int, start: int) -> None:
    """SIGKILL exactly this process: the handle is opened first and the start time checked after."""
    if pid <= 1:
        return
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if process_start(pid) == start:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _given(pid: int) -> str | None:
    """The installation that a process was given; None where it was given none, or may not be
    asked."""
    try:
        return _installation(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return None


def _installation(given: list[bytes]) -> str | None:
    prefix = f"{VARIABLE}=".encode()
    found = next((item for item in given if item.startswith(prefix)), None)
    return None if found is None else os.fsdecode(found[len(prefix) :])


def _works_in(pid: int, directory: Path) -> bool | None:
    """Whether a process works in this very directory, by device and inode, not by name; None where
    it cannot be seen."""
    try:
        here = os.stat(f"/proc/{pid}/cwd")  # noqa: PTH116 a link that leads beyond names
    except OSError:
        return None
    try:
        return os.path.samestat(here, directory.stat())
    except OSError:
        return False

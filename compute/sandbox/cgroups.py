"""Memory, process and processor limits of a whole job through control groups.

Version 1 (one directory per controller) and version 2 (one tree) are both understood. Limits are
placed where the platform may write: below its own group (v1, so an outer limit still holds), in
/sys/fs/cgroup/modelyard (v2 as root), in the scope that systemd delegated to the platform (v2 as an
ordinary user), or in the directory named by MODELYARD_CGROUP.
Where nothing is writable, callers fall back to resource limits per process; the report says so.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compute.sandbox.spec import MIB, Limits

CONTROLLERS = ("memory", "pids", "cpu")
PARENT = "modelyard"
LEAF = "modelyard-platform"
CPU_PERIOD_US = 100_000
# The sandbox's own helpers (outer and inner bubblewrap) live in the job's group too.
HELPER_PIDS = 3


@dataclass(frozen=True)
class Hierarchy:
    """Writable controllers: controller name -> parent directory of the job groups."""

    version: int = 0
    parents: Mapping[str, Path] = field(default_factory=dict)

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(name for name in CONTROLLERS if name in self.parents)


def discover(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> Hierarchy:
    """Find writable controllers, make the parent directory. Absent is no error."""
    if (root / "cgroup.controllers").exists():
        return _discover_v2(root, own)
    return _discover_v1(root, own)


def _discover_v1(root: Path, own: Path) -> Hierarchy:
    paths: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, names, path = line.split(":", 2)
            paths.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    parents = {}
    for name in CONTROLLERS:
        mount = root / name
        candidates = [mount / paths[name]] if name in paths else []
        for base in [*candidates, mount]:
            if (base / "cgroup.procs").exists() and _make(base / PARENT):
                parents[name] = base / PARENT
                break
    return Hierarchy(1 if parents else 0, parents)


def _discover_v2(root: Path, own: Path) -> Hierarchy:
    named = os.environ.get("MODELYARD_CGROUP", "")
    if named:
        base = Path(named)
    elif os.geteuid() == 0:
        _enable(root)
        base = root / PARENT
    else:
        scope = _delegated_scope(root, own)
        if scope is None:
            return Hierarchy()
        base = scope / PARENT
    if not _make(base):
        return Hierarchy()
    _enable(base)
    try:
        granted = (base / "cgroup.subtree_control").read_text().split()
    except OSError:
        return Hierarchy()
    parents = {name: base for name in CONTROLLERS if name in granted}
    return Hierarchy(2 if parents else 0, parents)


def _delegated_scope(root: Path, own: Path) -> Path | None:
    """The group that systemd handed to the platform (`Delegate=yes`), made ready for job groups.

    A group with controllers for its children may hold no processes of its own (cgroup v2, "no
    internal processes"), so the platform's processes move to a leaf beside the jobs.
    """
    path = ""
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            if line.startswith("0::"):
                path = line[3:].lstrip("/")
    scope = root / path
    if scope.name == LEAF:
        return scope.parent
    try:
        if not path or os.getxattr(scope, "user.delegate") != b"1":
            return None
        (scope / LEAF).mkdir(exist_ok=True)
        for pid in (scope / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (scope / LEAF / "cgroup.procs").write_text(pid)
    except OSError:
        return None
    _enable(scope)
    return scope


def _enable(directory: Path) -> None:
    """Pass controllers on to the children, one by one: a missing one must not take the others."""
    for name in CONTROLLERS:
        with contextlib.suppress(OSError):
            (directory / "cgroup.subtree_control").write_text(f"+{name}")


def _make(directory: Path) -> bool:
    try:
        directory.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def group_name(installation: str, attempt: str) -> str:
    """Name of an attempt's groups. Installations share the parent directory, and a copy has
    attempts of the same ids, so the name carries the installation's."""
    return f"{installation}.{attempt}" if installation else attempt


@dataclass(frozen=True)
class JobGroup:
    """The control groups of one attempt (one directory per controller in v1, one in v2)."""

    version: int
    directories: Mapping[str, Path]

    @classmethod
    def create(cls, hierarchy: Hierarchy, name: str, limits: Limits) -> JobGroup:
        """Make the groups and set the limits. A controller that refuses is left out.

        An old group of the same name is emptied of its processes first: they belong to a run of
        this attempt whose supervisor died.
        """
        directories: dict[str, Path] = {}
        for controller, parent in hierarchy.parents.items():
            directory = parent / name
            if not _make(directory):
                continue
            try:
                _set_limit(hierarchy.version, controller, directory, limits)
            except OSError:
                continue
            directories[controller] = directory
        group = cls(hierarchy.version, directories)
        group.kill()
        return group

    @classmethod
    def at(cls, version: int, directories: Mapping[str, str]) -> JobGroup:
        """The groups recorded in a state file."""
        return cls(version, {name: Path(path) for name, path in directories.items()})

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(self.directories)

    def unique(self) -> list[Path]:
        """The distinct directories."""
        return list(dict.fromkeys(self.directories.values()))

    def join_files(self) -> list[Path]:
        """Files into which a process writes "0" to join."""
        return [directory / "cgroup.procs" for directory in self.unique()]

    def pids(self) -> set[int]:
        """Host process ids that are in the job now."""
        found: set[int] = set()
        for path in self.join_files():
            with contextlib.suppress(OSError, ValueError):
                found.update(int(text) for text in path.read_text().split())
        return found

    def oom_kills(self) -> int:
        """How many processes the kernel ended because the job's memory limit was reached."""
        directory = self.directories.get("memory")
        if directory is None:
            return 0
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            for line in (directory / name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def memory_bytes(self) -> tuple[int, int]:
        """Memory used now and at most so far, in bytes; zeros when unknown."""
        directory = self.directories.get("memory")
        if directory is None:
            return 0, 0
        names = (
            ("memory.current", "memory.peak")
            if self.version == 2
            else ("memory.usage_in_bytes", "memory.max_usage_in_bytes")
        )
        return _number(directory / names[0]), _number(directory / names[1])

    def kill(self) -> None:
        """SIGKILL everything in the job, again until nothing new appears."""
        for _ in range(50):
            pids = self.pids() - {os.getpid()}
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, 9)
            time.sleep(0.01)  # the kernel empties the group as the processes are reaped

    def remove(self) -> bool:
        """Delete the groups; False when a process is still inside."""
        clean = True
        for directory in self.unique():
            for attempt in range(20):
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    if attempt == 19:
                        clean = False
                    time.sleep(0.01)  # freed by the kernel shortly after the last process is gone
                else:
                    break
        return clean


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _set_limit(version: int, controller: str, directory: Path, limits: Limits) -> None:
    if controller == "memory" and limits.memory_mb:
        value = str(int(limits.memory_mb * MIB))
        if version == 2:
            (directory / "memory.max").write_text(value)
            with contextlib.suppress(OSError):
                (directory / "memory.swap.max").write_text("0")
        else:
            (directory / "memory.limit_in_bytes").write_text(value)
            with contextlib.suppress(OSError):
                (directory / "memory.memsw.limit_in_bytes").write_text(value)
    elif controller == "pids" and limits.pids:
        (directory / "pids.max").write_text(str(int(limits.pids) + HELPER_PIDS))
    elif controller == "cpu" and limits.cpus:
        quota = max(1000, int(limits.cpus * CPU_PERIOD_US))
        if version == 2:
            (directory / "cpu.max").write_text(f"{quota} {CPU_PERIOD_US}")
        else:
            (directory / "cpu.cfs_period_us").write_text(str(CPU_PERIOD_US))
            (directory / "cpu.cfs_quota_us").write_text(str(quota))

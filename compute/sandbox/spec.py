"""What one sandbox is: what it sees, what it may use, what it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

MIB = 1024 * 1024

HOME = "/home/ma-user"
ENGINE = "/opt/engine"
RUNTIME = "/run/modelyard"
MODEL = "/home/mind/model"
# The identity that code sees, as in the vendor's custom images: uid 1000, gid 100.
USER, GROUP = "ma-user", "ma-group"
INSIDE_UID, INSIDE_GID = 1000, 100


@dataclass(frozen=True)
class Limits:
    """Upper bounds of one attempt. 0 means no limit of this kind.

    cpus: share of processors, fractions allowed. memory_mb: whole job where cgroups are writable,
    else per process. pids: processes and threads. file_size_mb: one file. disk_mb: everything
    below the attempt's work directory, checked every second or so; files: how many, directories
    counted, checked with it. tmp_mb: /tmp (in memory).
    wall_seconds: from the program's start.
    """

    cpus: float = 1.0
    memory_mb: int = 2048
    pids: int = 512
    file_size_mb: int = 10240
    disk_mb: int = 20480
    files: int = 200_000
    tmp_mb: int = 512
    wall_seconds: float = 0

    def problems(self) -> list[str]:
        """Broken rules as sentences."""
        found = []
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                found.append(f"{item.name} must be a number, 0 or more, not {value!r}")
        return found


@dataclass(frozen=True)
class Bind:
    """A host path shown at `target`. `optional` paths that do not exist are left out."""

    source: str
    target: str
    writable: bool = False
    optional: bool = False


@dataclass(frozen=True)
class SandboxSpec:
    """One isolated process tree.

    argv[0] and cwd are absolute paths as seen inside. binds come on top of the fixed read-only
    base (/usr, library links, a generated /etc). etc_dir is a host directory into which the
    generated /etc files were written (see `write_etc`). uid/gid: host identity the platform drops
    to before anything of the user runs; 0 keeps the platform's own (only when it is not root).
    """

    argv: tuple[str, ...]
    cwd: str
    etc_dir: str
    binds: tuple[Bind, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    network: str = "none"
    uid: int = 0
    gid: int = 0

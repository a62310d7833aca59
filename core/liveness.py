"""Names of processes that tell later, on the same host, whether their bearer still lives."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")
UNKNOWN = "unknown"


def me() -> str:
    """``host.pid.start`` of this process: never given to another one, at most 40 characters."""
    pid = os.getpid()
    return f"{_host()}.{pid}.{_start(pid) or 0}"


def is_gone(name: str) -> bool:
    """Whether the process that called itself ``name`` has ended for certain.

    False where it cannot be told: it lives, or it belongs to another host or another container.
    """
    parts = name.split(".")
    if len(parts) < 3 or not (parts[1] + parts[2]).isdecimal():
        return False
    if parts[0] != _host() or parts[0] == UNKNOWN:
        return False
    return _start(int(parts[1])) != int(parts[2])


def is_here(name: str) -> bool:
    """Whether ``name`` is that of a process of this host which has not ended."""
    return name.partition(".")[0] == _host() and not is_gone(name)


@lru_cache(maxsize=1)
def _host() -> str:
    """One boot of one host and one space of process numbers: elsewhere the numbers mean others."""
    try:
        mark = f"{BOOT.read_text()}{NAMESPACE.readlink()}"
    except OSError:
        return UNKNOWN
    return hashlib.sha256(mark.encode()).hexdigest()[:12]


def _start(pid: int) -> int | None:
    """Start of a living process in clock ticks after boot; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    rest = text.rpartition(")")[2].split()
    return None if rest[0] in "ZX" else int(rest[19])

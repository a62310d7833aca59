"""The job's paths of the host where the dropped identity can reach them."""

from __future__ import annotations

import ctypes
import os
import stat

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
STAGE = "/tmp"  # noqa: S108 - hidden below a fresh tmpfs in a mount namespace of its own


def stage(libc: ctypes.CDLL, staged: dict[str, str]) -> None:
    """Bind the job's paths, as root, to places that the dropped identity can reach.

    The platform's directory may lie below a home of mode 0700; bubblewrap runs as an ordinary user
    and could not walk there. This happens in a mount namespace of its own and vanishes with it.
    """
    _check(libc.unshare(CLONE_NEWNS), "unshare mount namespace")
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    # Opened before /tmp is covered, because a path may lie below it; after unshare, because the
    # kernel binds only from mounts of the same namespace.
    handles = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in staged}
    _check(libc.mount(b"tmpfs", STAGE.encode(), b"tmpfs", 0, b"mode=0755"), "mount staging area")
    for path, fd in handles.items():
        target = staged[path]
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.mkdir(target, 0o755)  # noqa: PTH102 - between fork and exec: as little as possible
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        result = libc.mount(
            f"/proc/self/fd/{fd}".encode(), target.encode(), None, MS_BIND | MS_REC, None
        )
        _check(result, f"bind {path}")
        os.close(fd)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

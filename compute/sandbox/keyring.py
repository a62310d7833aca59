"""A session keyring of its own for what a sandbox starts (session-keyring(7)).

A login (pam_keyinit) and a unit of systemd have one, and every process inherits it: without this
the operator's keys could be read by the code of any tenant, and two tenants could leave each other
notes. A user's own keyring is found by its uid, which each attempt has for itself; ``syscalls``
refuses all calls about keys besides.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
JOIN_SESSION_KEYRING = 1
# No keys in this kernel, or a container's filter around the whole platform: nothing to part from.
NO_KEYS = (errno.ENOSYS, errno.EPERM)


def join_own(libc: ctypes.CDLL) -> None:
    """Leave the session keyring of this process for a new one, empty and without a name.

    `libc` keeps errno (`use_errno`). Raises OSError, for instance EDQUOT: every keyring counts
    against the platform's user (kernel.keys.maxkeys).
    """
    number = KEYCTL.get(platform.machine())
    if number is None:
        return
    if libc.syscall(ctypes.c_long(number), ctypes.c_long(JOIN_SESSION_KEYRING), None) < 0:
        error = ctypes.get_errno()
        if error not in NO_KEYS:
            raise OSError(error, f"a session keyring of its own: {os.strerror(error)}")

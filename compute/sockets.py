"""Connecting to a socket that a program in a sandbox made.

The directory of the socket belongs to that program, which may put a link in the socket's place: to
the socket of another account's model server, or to any service of the host that listens on one.
The platform would follow it with its own rights, and bring it the caller's requests.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def address(path: str | os.PathLike[str]) -> Iterator[str]:
    """Where to connect to reach exactly the socket at ``path``, valid within the block.

    The socket is opened first, without following a link, and then reached through the handle, so
    nothing can be swapped in between. Directories above it must be the platform's own.

    Raises OSError: nothing is there, or something that is no socket.
    """
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            raise ConnectionRefusedError(f"{path} is no socket")
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)

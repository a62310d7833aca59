"""Mounting an image file without a program: loop(4), mount(2).

`mount -o loop` does the same and costs a process: most of what the start of a volume takes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from pathlib import Path

CONTROL = "/dev/loop-control"
LOOP_CTL_GET_FREE, LOOP_CONFIGURE = 0x4C82, 0x4C0A
LO_FLAGS_AUTOCLEAR = 4
#: struct loop_config: fd, block_size, loop_info64 (its lo_flags and lo_file_name), reserved
CONFIG = struct.Struct("=II 5Q 3I I 64s 64s 32s 2Q 8Q")
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME = 2, 4, 8, 1024
MS_REC, MS_SLAVE = 1 << 14, 1 << 19
TRIES = 64  # others take the same free device now and then

_system = ctypes.CDLL(None, use_errno=True)


def own_namespace() -> None:
    """Give this thread, and those it starts, a mount namespace that the host does not see into.
    Raises OSError."""
    _checked(_system.unshare(CLONE_NEWNS))
    _checked(_system.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_SLAVE), None))


def mount_image(image: Path, place: Path, options: str) -> None:
    """Mount the ext4 in `image`. The device goes when nothing uses it any more. Raises OSError."""
    file = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        device, path = _device(file, os.fsencode(image))
    finally:
        os.close(file)
    try:
        _mount(path, place, b"ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, options)
    finally:
        os.close(device)  # the mount holds it now; without one it is cleared


def mount_memory(place: Path, options: str) -> None:
    """Mount a tmpfs in which nothing can be executed. Raises OSError."""
    _mount(b"tmpfs", place, b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def _device(file: int, name: bytes) -> tuple[int, bytes]:
    """A loop device that stands on the open file, as a descriptor and its path."""
    flags = LO_FLAGS_AUTOCLEAR
    config = CONFIG.pack(file, 0, *[0] * 5, *[0] * 3, flags, name[:63], b"", b"", *[0] * 10)
    control = os.open(CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _try in range(TRIES):
            path = b"/dev/loop%d" % fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:
                    raise
                continue
            return device, path
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no free loop device")


def _mount(source: bytes, place: Path, kind: bytes, flags: int, options: str) -> None:
    where, text = os.fsencode(place), options.encode()
    _checked(_system.mount(source, where, kind, ctypes.c_ulong(flags), text))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

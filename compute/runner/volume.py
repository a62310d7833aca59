"""The disk of one attempt: a file system of its own in an image file, so that the kernel bounds it.

    <directory>/volume.img   as large as the disk of the flavor; its blocks are taken at once
    <directory>/work/        where it is mounted, in the mount namespace of this runner alone

A program that fills its disk gets "no space left" and takes nothing from others, however quickly
it writes: measuring (`compute.runner.watch`) only says why. The blocks are taken before the program
starts, so a promise once kept cannot be broken by what others store meanwhile. When the attempt has
ended, `give_back` returns all of it where its files are not needed, `shrink` what holds none.

The mount belongs to a namespace that ends with the runner and its program. So nothing has to be
unmounted, also after SIGKILL, and no other process ever sees it.

It needs root, a loop device and mkfs.ext4. Elsewhere (`available` is False) the disk is measured
only. docs/mechanisms/sandbox.md says what that means.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from compute.runner import blank, loop, trees
from compute.runner.failures import Failure
from compute.runner.layout import Layout
from compute.runner.sentences import say
from compute.runner.spec import ATTEMPT
from compute.runner.state import FULL
from compute.sandbox.spec import MIB, Limits

#: inode tables are zeroed when they are used: the image was made of new blocks
OPTIONS = "noinit_itable"
SOCKETS = "size=1m,nr_inodes=256,mode=0700"
ROOM_SECONDS = 300.0  # how long a host without room is waited for: it may be pruned meanwhile
#: per file of Limits.files: its inode, and as much again for directories and bitmaps
INODE_BYTES = 512
RESERVE = 64 * MIB  # left alone in any case, so that the database beside can still commit
SPARE = 16 * MIB  # superblocks, descriptors, lost+found
FITRIM = 0xC0185879
NO_ROOM = (
    "The host's disk was full while the attempt was prepared. Ask the administrator to free space."
)
_UNABLE = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Unmountable(OSError):
    """The image cannot be made or mounted here."""


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether this host can give an attempt a volume of its own."""
    return (
        os.geteuid() == 0
        and os.access(loop.CONTROL, os.R_OK | os.W_OK)
        and blank.tool() is not None
    )


def size(limits: Limits) -> int:
    """Bytes that the image takes on the host: the disk, its inodes, and the file system's own."""
    if not limits.disk_mb:
        return 0
    data = limits.disk_mb * MIB
    return -(-(data + data // 64 + limits.files * INODE_BYTES + SPARE) // MIB) * MIB


def prepare(limits: Limits, layout: Layout, tick: Callable[[], None]) -> bool:
    """Give `layout.work` an empty volume. Returns whether the kernel bounds it; where not, work is
    an empty directory. `tick` is called while a full host is waited for.

    Call it before the runner starts threads: the mount is seen by those that come after.
    Raises Failure HOST_DISK_FULL.
    """
    discard(layout)
    layout.work.mkdir(exist_ok=True)
    if not (limits.disk_mb and available()):
        return False
    try:
        _make(limits, layout, tick)
        (layout.work / "lost+found").rmdir()
    except (Unmountable, blank.Unformattable) as problem:
        os.write(2, f"the disk of this attempt is measured only: {problem}\n".encode())
        discard(layout)
        return False
    return True


def _make(limits: Limits, layout: Layout, tick: Callable[[], None]) -> None:
    inodes, blanks = limits.files + limits.files // 16 + 1024, layout.directory.parent.parent
    try:
        _take(layout, size(limits), tick)
        blank.fill(layout.volume, inodes, blanks / "volumes")
        _mount(layout)
    except Unmountable:
        # It may be the one that was copied: a host that lost power keeps what it had on the disk.
        blank.forget(blanks / "volumes")
        layout.volume.unlink(missing_ok=True)
        _take(layout, size(limits), tick)
        blank.fill(layout.volume, inodes, blanks / "volumes")
        _mount(layout)


def bound_sockets(layout: Layout, short: Path) -> None:
    """Give the directory of a server's socket a small file system of its own, too: the program may
    write there. `short`, the link by which the platform comes, then leads through this process,
    because only its namespace has the mount. Call it after `prepare` said True.
    """
    if not short.is_symlink():
        return
    try:
        loop.mount_memory(layout.sockets, SOCKETS)
    except OSError as problem:
        os.write(2, f"the socket's directory is measured only: {problem}\n".encode())
        return
    fresh = short.with_name(f".{short.name}.{os.getpid()}")
    fresh.symlink_to(Path(f"/proc/{os.getpid()}/root", *layout.sockets.parts[1:]))
    fresh.rename(short)


def attach(layout: Layout) -> None:
    """Mount again what an earlier runner of this attempt kept. Raises Unmountable."""
    if layout.volume.exists():
        _mount(layout)


def give_back(layout: Layout) -> None:
    """Remove the volume while it is mounted here; its room is free when this process has ended."""
    layout.volume.unlink(missing_ok=True)


def shrink(layout: Layout) -> None:
    """Give blocks that hold no file back to the host; the files stay. Best effort.

    Only where the volume is mounted here: else the host's own file system would be trimmed.
    """
    if not (layout.volume.exists() and layout.work.is_mount()):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(layout.work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            fcntl.ioctl(descriptor, FITRIM, struct.pack("=QQQ", 0, (1 << 64) - 1, 0))
        finally:
            os.close(descriptor)


def held(layout: Layout) -> int:
    """Bytes of the host's disk that the volume holds now; 0 without one."""
    try:
        return layout.volume.stat().st_blocks * 512
    except OSError:
        return 0


def kept(layout: Layout) -> bool:
    """Whether working files of this attempt may still be there."""
    return layout.volume.exists() or _holds_entries(layout)


def kept_below(attempts: Path) -> list[str]:
    """Ids of those below a directory that left files, by the time of their last state."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(attempts) as entries:
        for entry in entries:
            layout = Layout(Path(entry.path))
            if not (ATTEMPT.match(entry.name) and kept(layout)):
                continue
            with contextlib.suppress(OSError):
                found.append((layout.state.stat().st_mtime, entry.name))
    return [name for _ended, name in sorted(found)]


def discard(layout: Layout) -> None:
    """Remove the working files. No process of the program may be alive."""
    layout.volume.unlink(missing_ok=True)
    trees.remove(layout.work)


def _holds_entries(layout: Layout) -> bool:
    with contextlib.suppress(OSError), os.scandir(layout.work) as entries:
        return next(entries, None) is not None
    return False


def _take(layout: Layout, total: int, tick: Callable[[], None]) -> None:
    """Make the image with its blocks; wait for room where the host has none at this moment."""
    until = time.monotonic() + ROOM_SECONDS
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(layout.volume, flags, 0o600)
    try:
        while True:
            try:
                # Looked at first: asking for more than there is takes all there is for a moment.
                if shutil.disk_usage(layout.directory).free - total < RESERVE:
                    raise OSError(errno.ENOSPC, "not enough room")
                os.posix_fallocate(descriptor, 0, total)
                return
            except OSError as error:
                os.ftruncate(descriptor, 0)
                if error.errno in _UNABLE:  # a file system that copies on write
                    os.ftruncate(descriptor, total)
                    return
                if error.errno not in FULL:
                    raise Unmountable(error.errno, str(error)) from error
            if time.monotonic() > until:
                layout.volume.unlink(missing_ok=True)
                raise Failure(
                    "HOST_DISK_FULL",
                    say("HOST_DISK_FULL", total=total // MIB),
                )
            tick()
            time.sleep(0.5)
    finally:
        os.close(descriptor)


def _mount(layout: Layout) -> None:
    layout.work.mkdir(exist_ok=True)
    try:
        loop.own_namespace()
        loop.mount_image(layout.volume, layout.work, OPTIONS)
    except OSError as error:
        raise Unmountable(error.errno, f"{layout.volume} cannot be mounted: {error}") from error

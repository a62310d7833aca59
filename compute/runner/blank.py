"""Empty ext4 file systems, copied from one that was made before.

`mkfs.ext4` is a process that takes several milliseconds of every attempt's start. What it writes
depends on the size and the number of inodes alone, and is some hundred KiB however large the file
system is. So it is made once for each, as a sparse file, and its data copied from then on. The
copies share identifier and hash seed, which nothing looks for: each is mounted in a namespace of
its own.

    <root>/volumes/<size>-<inodes>-<mark>.ext4    root's alone; the newest MOST are kept
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

TOOL = "mkfs.ext4"
SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 60.0
#: sizes that are kept; services have one for each size of a model
MOST = 16
#: bytes; more than mkfs.ext4 writes
MUCH = 32 << 20
#: no journal: an attempt does not outlive the host. No room for growth: that would be zeroed.
OPTIONS = (
    "-q", "-F", "-O", "^has_journal,^resize_inode", "-m", "0", "-E", "nodiscard,lazy_itable_init=1",
)  # fmt: skip


class Unformattable(OSError):
    """No file system can be made here."""


@lru_cache(maxsize=1)
def tool() -> str | None:
    """Path of mkfs.ext4, None where there is none."""
    return shutil.which(TOOL, path=SEARCHED)


def fill(image: Path, inodes: int, folder: Path) -> None:
    """Make `image`, which has its size and reads as zeros, an empty file system. `folder`: where
    those to copy are kept. Raises Unformattable."""
    size = image.stat().st_size
    source = folder / f"{size}-{inodes}-{_mark()}.ext4"
    for _try in range(2):
        with contextlib.suppress(FileNotFoundError):
            if not _copy(source, image):
                _format(str(image), inodes)
            return
        _make(source, size, inodes)
    raise Unformattable(errno.ENOENT, f"{source} does not stay")


def forget(folder: Path) -> None:
    """Drop all that are kept: one may be damaged."""
    for path in folder.glob("*.ext4"):
        path.unlink(missing_ok=True)


def _make(path: Path, size: int, inodes: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        os.ftruncate(descriptor, size)
        _format(fresh, inodes)
        os.fsync(descriptor)  # before it gets its name: half of one would be copied for ever
        Path(fresh).rename(path)
    except OSError as error:
        Path(fresh).unlink(missing_ok=True)
        raise Unformattable(error.errno or errno.EIO, str(error)) from error
    finally:
        os.close(descriptor)
    _keep_newest(path.parent)


def _keep_newest(folder: Path) -> None:
    found = []
    for path in folder.glob("*.ext4"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    for _made, path in sorted(found, reverse=True)[MOST:]:
        path.unlink(missing_ok=True)


def _copy(source: Path, image: Path) -> bool:
    """Write the data of `source` to the same places of `image`; between them both read as zeros.
    False where the host does not tell data from holes: then nothing was copied.

    Raises FileNotFoundError (no source), Unformattable.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = list(_data(descriptor))
        if sum(end - start for start, end in parts) > MUCH:
            return False
        target = os.open(image, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for start, end in parts:
                os.pwrite(target, os.pread(descriptor, end - start, start), start)
        finally:
            os.close(target)
        return True
    except OSError as error:
        raise Unformattable(error.errno, str(error)) from error
    finally:
        os.close(descriptor)


def _data(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data (lseek(2), SEEK_DATA)."""
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _format(path: str, inodes: int) -> None:
    """Raises Unformattable."""
    try:
        done = subprocess.run(
            [tool() or TOOL, *OPTIONS, "-N", str(inodes), path],
            env={"PATH": SEARCHED, "LANG": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unformattable(errno.EIO, str(error)) from error
    if done.returncode:
        said = done.stderr[-500:].decode(errors="replace").strip()
        raise Unformattable(errno.EIO, f"{TOOL}: {said}")


@lru_cache(maxsize=1)
def _mark() -> str:
    """Another for another way to make them: options, or a newer tool."""
    found = tool()
    made = os.stat(found).st_mtime_ns if found else 0  # noqa: PTH116 of the program itself
    return hashlib.sha256(f"{OPTIONS}{made}".encode()).hexdigest()[:12]

"""Private files that are whole or not there: written beside their place, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ops.backup.errors import BackupError

CHUNK = 1024 * 1024
RESERVE = 64 * 1024 * 1024  # bytes left alone: the database may lie on the same disk
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Tally:
    """A file or pipe whose bytes are counted, and hashed where asked for, while they pass."""

    def __init__(self, file: BinaryIO, *, hashed: bool = True) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._hashed = hashed
        self.size = 0

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._file.read(CHUNK if size < 0 else size)
        self._take(data)
        return data

    def write(self, data: bytes, /) -> int:
        view = memoryview(data)
        while view:
            done = self._file.write(view) or 0
            self._take(view[:done])
            view = view[done:]
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def _take(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        if self._hashed:
            self._digest.update(data)

    @property
    def sha256(self) -> str:
        """Of everything that has passed, in hexadecimal; of no use where it was not asked for."""
        return self._digest.hexdigest()


@contextlib.contextmanager
def new_file(path: Path, *, hashed: bool = True, synced_name: bool = True) -> Iterator[Tally]:
    """Write a file of mode 0600 that appears at ``path`` when the block ends well, on the disk.
    ``synced_name`` False: the caller syncs the folder, once for many files.

    Raises BackupError where the disk is full; nothing is left behind then.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 a descriptor
            yield Tally(file, hashed=hashed)
            os.fsync(file.fileno())
        temporary.rename(path)
        if synced_name:
            sync_folder(path.parent)
    except OSError as error:
        if error.errno in FULL:
            raise full(path) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # gone already where the rename happened


def full(path: Path) -> BackupError:
    """The sentence for a disk that is full."""
    return BackupError(
        f"The disk that holds {path.parent} is full. Nothing half-written was kept; make room, or "
        "use another disk, and start again."
    )


def copy(source: Tally | BinaryIO, target: Tally | BinaryIO) -> None:
    """All bytes of one into the other."""
    while chunk := source.read(CHUNK):
        target.write(chunk)


def room(folder: Path, size: int, what: str) -> None:
    """Raise BackupError unless ``size`` bytes fit below ``folder`` with a reserve left."""
    free = shutil.disk_usage(folder).free
    if free - size < RESERVE:
        raise BackupError(
            f"{what} needs {size:,} bytes in {folder}, where {free:,} are free and "
            f"{RESERVE:,} stay untouched. Make room, or use another disk."
        )


def folder(path: Path) -> Path:
    """Make a folder of mode 0700, on the disk."""
    if not path.is_dir():
        path.mkdir(mode=0o700)
        sync_folder(path.parent)
    return path


def sync_folder(path: Path) -> None:
    """Names in a folder must survive a power cut, not only the bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file as it lies on the disk."""
    with path.open("rb") as file:
        tally = Tally(file)
        while tally.read(CHUNK):
            pass
    return tally.size, tally.sha256

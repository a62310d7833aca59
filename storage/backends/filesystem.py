"""Bytes as files: written beside their place, synced, then renamed into it."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
import os
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.identity import places
from storage import messages, room
from storage.backends.base import (
    DiskFull,
    Metered,
    Readable,
    Stored,
    StoreError,
    Trashed,
    Written,
    beside,
)

_NAME = re.compile(r"[0-9a-f]{32}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SYNC_EVERY = 32 * 1024 * 1024  # bytes after which the disk begins with what has arrived


class FileStore:
    """Files at ``<root>/<first two digits>/<name>``; unfinished ones at ``<root>/partial/``, what a
    sweep took at ``<root>/trash/<day>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.partial = root / "partial"
        self._trash = root / "trash"

    def put(self, name: str, stream: Readable, size: int | None) -> Written:
        target = self._path(name)
        try:
            self.partial.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._room(size or 0)
        except OSError as error:
            raise self._failed(error) from error
        metered = Metered(stream, size)
        temporary = self.partial / name
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 a descriptor
                with _Early(file) as early:
                    for chunk in metered.chunks():
                        _write(file, chunk)
                        early.written(len(chunk))
                os.fsync(file.fileno())
            temporary.rename(target)
            _sync_directory(target.parent)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()  # gone already where the rename happened
        return metered.written()

    def open(self, name: str, start: int = 0, length: int | None = None) -> BinaryIO:
        try:
            file = self._path(name).open("rb")
        except OSError as error:
            raise StoreError(messages.BYTES_UNREADABLE()) from error
        if start:
            file.seek(start)
        return file if length is None else cast("BinaryIO", Part(file, length))

    def delete(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(messages.BYTES_NOT_REMOVED()) from error

    def stored(self, older_than_seconds: float) -> Iterator[Stored]:
        limit = time.time() - older_than_seconds
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            if folder in (self.partial, self._trash) or not folder.is_dir():
                continue
            for name, status in _files(folder):
                if status.st_mtime < limit:
                    yield Stored(name, status.st_size, status.st_mtime)

    def trash(self, name: str) -> None:
        day = self._trash / dt.datetime.now(dt.UTC).date().isoformat()
        try:
            day.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):
                self._path(name).rename(day / name)
        except OSError as error:
            raise StoreError(messages.BYTES_NOT_TRASHED()) from error

    def trashed(self) -> Iterator[Trashed]:
        for day, folder in self._days():
            for name, status in _files(folder):
                yield Trashed(name, status.st_size, day)

    def put_back(self, name: str, day: dt.date | None = None) -> bool:
        target = self._path(name)
        for _day, folder in self._days():
            try:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if (folder / name).exists() and not target.exists():
                    (folder / name).rename(target)
                    return True
            except OSError as error:
                raise StoreError(messages.BYTES_NOT_BACK()) from error
        return False

    def discard(self, found: Trashed) -> None:
        folder = self._trash / found.day.isoformat()
        try:
            (folder / self._path(found.name).name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()  # the day's last
        except OSError as error:
            raise StoreError(messages.TRASH_NOT_EMPTIED()) from error

    def _days(self) -> Iterator[tuple[dt.date, Path]]:
        if not self._trash.is_dir():
            return
        for folder in sorted(self._trash.iterdir()):
            with contextlib.suppress(ValueError):
                yield dt.date.fromisoformat(folder.name), folder

    def sweep_partial(self, older_than_seconds: float) -> int:
        if not self.partial.is_dir():
            return 0
        limit, removed = time.time() - older_than_seconds, 0
        for name, status in _files(self.partial):
            # An upload that still runs keeps its file's time fresh with every chunk.
            if status.st_mtime < limit:
                (self.partial / name).unlink(missing_ok=True)
                removed += 1
        return removed

    def marker(self) -> dict[str, Any] | None:
        try:
            return places.read(self.root)
        except OSError as error:
            raise StoreError(messages.MARKER_UNREADABLE()) from error

    def write_marker(self, marker: dict[str, Any]) -> None:
        try:
            places.write(self.root, marker)
        except OSError as error:
            raise self._failed(error) from error

    def place(self) -> Any:
        self.root.mkdir(parents=True, exist_ok=True)
        return places.of_folder(self.root)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("a stored name is 32 hexadecimal digits")
        return self.root / name[:2] / name

    def _room(self, size: int) -> None:
        usage = shutil.disk_usage(self.root)
        if usage.free - size < room.reserve(usage.total):
            raise OSError(errno.ENOSPC, "not enough room")

    @staticmethod
    def _failed(error: OSError) -> DiskFull | StoreError:
        if error.errno in _FULL:
            return DiskFull(messages.DISK_FULL())
        return StoreError(messages.BYTES_NOT_STORED(error=error.strerror or error))


class Part(io.RawIOBase):
    """The next ``length`` bytes of a file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Early:
    """Lets the disk write while the rest arrives, so that the last sync waits for little.

    One at a time. Leaving waits for it, and raises what it met: the system tells of a failed write
    once only.
    """

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file
        self._bytes = 0
        self._running: Future[None] | None = None

    def __enter__(self) -> _Early:
        return self

    def written(self, count: int) -> None:
        self._bytes += count
        if self._bytes < SYNC_EVERY or (self._running and not self._running.done()):
            return
        if self._running:
            self._running.result()
        self._bytes = 0
        self._running = beside().submit(os.fdatasync, self._file.fileno())

    def __exit__(self, *_raised: object) -> None:
        if self._running:
            self._running.result()


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Stored files of a folder; what vanishes meanwhile is left out."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)


def _write(file: io.RawIOBase, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) or 0 :]


def _sync_directory(path: Path) -> None:
    """The rename itself must survive a power cut, not only the bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

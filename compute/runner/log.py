"""The kept log: bounded on disk, complete at both ends, readable while it is written.

The stream is cut into segment files named by the offset of their first byte. When the cap is
reached the segments in the middle go: the first half of the cap (how it began) and the newest
segments (how it ended) stay. Offsets are positions in the whole stream, so a follower's offset
stays valid for ever; where bytes are missing the reader puts one line that says how many.

Which lines are the platform's own stands beside the stream, not in it: what a program prints looks
like anything it likes. `marks` holds offset and length of each, in a directory that no program
reaches.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from compute.runner.state import is_full
from core.visible import visible

SEGMENTS = 16
WAITING = 1024 * 1024
"""Bytes kept in memory while the disk is full; what comes after them is lost."""
DIGITS = 20
SUFFIX = ".log"
PREFIX = b"[modelyard] "
NOTE = 4000  # characters of a line of the platform's own
MARK = struct.Struct(">QI")  # offset and length of such a line
PROGRAM, PLATFORM, GAP = "program", "platform", "gap"


class Part(NamedTuple):
    """Bytes of one kind: PROGRAM (printed), PLATFORM (a note), GAP (in place of dropped bytes)."""

    kind: str
    data: bytes


class LogWriter:
    """Appends to the log; safe from two threads; memory use does not depend on the volume."""

    def __init__(self, directory: Path, cap: int) -> None:
        self._directory = directory
        self._segment_bytes = max(4096, cap // SEGMENTS)
        self._lock = threading.Lock()
        self._fd = -1
        self._room = 0
        self._at_line_start = True
        self._waiting = bytearray()
        self._unmarked: list[tuple[int, int]] = []  # notes whose mark is not written yet
        directory.mkdir(mode=0o700, exist_ok=True)
        self._offset = end_offset(directory)
        self.failures = 0

    def write(self, data: bytes) -> None:
        """Append program output. On a full disk it waits in memory for the next call."""
        with self._lock:
            self._append(data)

    def note(self, text: str) -> None:
        """Append a line of the platform's own, marked as such beside the stream."""
        line = PREFIX + visible(text[:NOTE]).encode() + b"\n"
        with self._lock:
            if not self._at_line_start:
                self._append(b"\n")
            start = self._offset + len(self._waiting)
            self._unmarked.append((start, len(line)))
            self._append(line)

    def flush(self) -> bool:
        """Write what waited for room; True when nothing waits any more."""
        with self._lock:
            self._append(b"")
            return not self._waiting and not self._unmarked

    def tail(self, count: int) -> bytes:
        """What the program printed of the last `count` bytes, with what is not on the disk yet."""
        with self._lock:
            start = max(0, self._offset - count)
            found, _end = read_parts(self._directory, start, count)
            waiting = split(bytes(self._waiting), self._offset, self._unmarked)
            parts = [part.data for part in [*found, *waiting] if part.kind == PROGRAM]
            return b"".join(parts)[-count:]

    def close(self) -> None:
        """Close the current segment."""
        with self._lock:
            self._append(b"")
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _append(self, data: bytes) -> None:
        if data:
            self._at_line_start = data.endswith(b"\n")
        waited, self._waiting = self._waiting, bytearray()
        view = memoryview(bytes(waited) + data)
        while view:
            try:
                if self._room <= 0:
                    self._rotate()
                written = os.write(self._fd, view[: self._room])
            except OSError as error:
                self.failures += 1
                # In order and without a gap: nothing overtakes what waits.
                self._waiting += view[:WAITING] if is_full(error) else b""
                self._mark()
                return
            self._room -= written
            self._offset += written
            view = view[written:]
        self._mark()

    def _mark(self) -> None:
        """Mark the notes that are written. What is lost is never marked, or the program's next
        words would stand under its mark."""
        end = self._offset + len(self._waiting)
        self._unmarked = [mark for mark in self._unmarked if sum(mark) <= end]
        while self._unmarked and sum(self._unmarked[0]) <= self._offset:
            try:
                add_mark(self._directory, *self._unmarked[0])
            except OSError as error:
                if is_full(error):
                    return  # the next flush tries again
                self.failures += 1  # the directory is gone: it has no reader
            del self._unmarked[0]

    def _rotate(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        found = segments(self._directory)
        head = SEGMENTS // 2
        for start, path in found[head : max(head, len(found) - (SEGMENTS - head - 1))]:
            del start
            path.unlink(missing_ok=True)
        path = self._directory / f"{self._offset:0{DIGITS}d}{SUFFIX}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room = self._segment_bytes


def segments(directory: Path) -> list[tuple[int, Path]]:
    """Start offsets and files, in order; empty when there is no log."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [(int(name[:DIGITS]), directory / name) for name in names]


def end_offset(directory: Path) -> int:
    """Length of the stream so far, dropped bytes included."""
    for _ in range(10):
        found = segments(directory)
        if not found:
            return 0
        start, path = found[-1]
        try:
            return start + path.stat().st_size
        except FileNotFoundError:
            continue  # rotated away between listing and looking
    return 0


def add_mark(directory: Path, offset: int, length: int) -> None:
    """Write a mark, whole or not at all. Raises OSError."""
    path = directory / "marks"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        os.pwrite(file, MARK.pack(offset, length), size - size % MARK.size)
    finally:
        os.close(file)


def marks(directory: Path, start: int, end: int) -> list[tuple[int, int]]:
    """Offset and length of the platform's lines that touch the bytes from `start` to `end`."""
    try:
        file = os.open(directory / "marks", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:

        def at(number: int) -> tuple[int, int]:
            found: tuple[int, int] = MARK.unpack(os.pread(file, MARK.size, number * MARK.size))
            return found

        low, high = 0, os.fstat(file).st_size // MARK.size
        count = high
        while low < high:  # the first that does not end before `start`
            middle = (low + high) // 2
            low, high = (middle + 1, high) if sum(at(middle)) <= start else (low, middle)
        found: list[tuple[int, int]] = []
        while low < count and (mark := at(low))[0] < end:
            found.append(mark)
            low += 1
        return found
    finally:
        os.close(file)


def split(data: bytes, offset: int, platform: list[tuple[int, int]]) -> Iterator[Part]:
    """Bytes that begin at a stream offset as parts: `platform` says which are notes."""
    at = offset
    end = offset + len(data)
    for start, length in platform:
        start, stop = max(at, start), min(end, start + length)
        if stop <= start:
            continue
        if start > at:
            yield Part(PROGRAM, data[at - offset : start - offset])
        yield Part(PLATFORM, data[start - offset : stop - offset])
        at = stop
    if at < end:
        yield Part(PROGRAM, data[at - offset :])


def read_log(directory: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Up to `limit` bytes from stream offset `offset`, and the offset to continue from.

    A gap is shown by one line (in addition to `limit`). An offset beyond the end returns nothing.
    """
    parts, position = read_parts(directory, offset, limit)
    return b"".join(part.data for part in parts), position


def read_parts(directory: Path, offset: int, limit: int) -> tuple[list[Part], int]:
    """The same, by kind."""
    found: list[Part] = []
    room = limit
    position = max(0, offset)
    for start, path in segments(directory):
        if room <= 0:
            break
        try:
            size = path.stat().st_size
            if start + size <= position:
                continue
            if start > position:
                found.append(Part(GAP, gap_line(start - position)))
                position = start
            with path.open("rb") as handle:
                handle.seek(position - start)
                data = handle.read(room)
        except FileNotFoundError:
            continue  # dropped while reading: the next segment reports the gap
        found += split(data, position, marks(directory, position, position + len(data)))
        position += len(data)
        room -= len(data)
    return found, position


def gap_line(count: int) -> bytes:
    """What stands for dropped bytes."""
    return (
        b"\n"
        + PREFIX
        + (
            f"{count} bytes of the log are left out here: it is larger than its limit, "
            "the beginning and the end are kept\n"
        ).encode()
    )


def tail(directory: Path, count: int) -> bytes:
    """The last `count` bytes."""
    return read_log(directory, max(0, end_offset(directory) - count), count)[0]

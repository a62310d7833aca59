"""The kept log: bounded on disk, complete at both ends, readable while it is written.

The stream is cut into segment files named by the offset of their first byte. When the cap is
reached the segments in the middle go: the first half of the cap (how it began) and the newest
segments (how it ended) stay. Offsets are positions in the whole stream, so a follower's offset
stays valid for ever; where bytes are missing the reader puts one line that says how many.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from compute.runner.state import is_full

SEGMENTS = 16
WAITING = 1024 * 1024
"""Bytes kept in memory while the disk is full; what comes after them is lost."""
DIGITS = 20
SUFFIX = ".log"
PREFIX = b"[modelyard] "


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
        directory.mkdir(mode=0o700, exist_ok=True)
        self._offset = end_offset(directory)
        self.failures = 0

    def write(self, data: bytes) -> None:
        """Append program output. On a full disk it waits in memory for the next call."""
        with self._lock:
            self._append(data)

    def note(self, text: str) -> None:
        """Append a line of the platform's own, marked as such."""
        line = PREFIX + text.replace("\n", " ").encode("utf-8", "replace") + b"\n"
        with self._lock:
            self._append(line if self._at_line_start else b"\n" + line)

    def flush(self) -> bool:
        """Write what waited for room; True when nothing waits any more."""
        with self._lock:
            self._append(b"")
            return not self._waiting

    def tail(self, count: int) -> bytes:
        """The last `count` bytes, with what is not on the disk yet."""
        with self._lock:
            return (tail(self._directory, count) + bytes(self._waiting))[-count:]

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
                return
            self._room -= written
            self._offset += written
            view = view[written:]

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


def read_log(directory: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Up to `limit` bytes from stream offset `offset`, and the offset to continue from.

    A gap is shown by one line (in addition to `limit`). An offset beyond the end returns nothing.
    """
    out = b""
    position = max(0, offset)
    for start, path in segments(directory):
        if len(out) >= limit:
            break
        try:
            size = path.stat().st_size
            if start + size <= position:
                continue
            if start > position:
                out += gap_line(start - position)
                position = start
            with path.open("rb") as handle:
                handle.seek(position - start)
                data = handle.read(max(0, limit - len(out)))
        except FileNotFoundError:
            continue  # dropped while reading: the next segment reports the gap
        out += data
        position += len(data)
    return out, position


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

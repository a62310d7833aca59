"""What a place for bytes must do. Names are made by the platform; no user's text reaches them."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO, Protocol

from core.errors import AppError, Unavailable
from storage import messages

CHUNK = 1024 * 1024
_THREADS = 32  # what uploads have done beside them: a piece hashed and a file synced each


@lru_cache(maxsize=1)
def beside() -> ThreadPoolExecutor:
    """Threads for work that leaves the interpreter (hashing, syncing) while bytes still arrive."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="storage")


# A forked process has none of its parent's threads and must not wait for them.
os.register_at_fork(after_in_child=beside.cache_clear)


@dataclass(frozen=True, slots=True)
class Written:
    """What was stored: bytes and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes in their place: size, and when they were stored (seconds since 1970)."""

    name: str
    size: int
    changed: float


@dataclass(frozen=True, slots=True)
class Trashed:
    """Bytes in the trash, and since which day (UTC)."""

    name: str
    size: int
    day: dt.date


class StoreError(Unavailable):
    """The place for bytes does not answer or has lost something; trying again is right."""

    code = "STORE_UNAVAILABLE"


class DiskFull(AppError):
    """No room for these bytes; nothing of them was kept."""

    status = 507
    code = "DISK_FULL"


class ShortBody(AppError):
    """The sender stopped before the announced length; nothing was kept."""

    status = 400
    code = "INCOMPLETE_BODY"


class TooLarge(AppError):
    """More bytes than an object may have."""

    status = 413
    code = "BODY_TOO_LARGE"


class Readable(Protocol):
    """Anything with ``read(n)``: a request, a file."""

    def read(self, size: int = -1, /) -> bytes: ...


class ByteStore(Protocol):
    """The contract. ``name`` is 32 hexadecimal digits, used once and never again."""

    def put(self, name: str, stream: Readable, size: int | None) -> Written:
        """Store the stream whole or not at all; ``size`` is the announced length, if any.

        Raises: DiskFull, ShortBody, StoreError.
        """
        ...

    def open(self, name: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """A stream of a part of the bytes; the caller closes it. Raises StoreError."""
        ...

    def delete(self, name: str) -> None:
        """Remove; nothing happens where nothing is. Raises StoreError."""
        ...

    def stored(self, older_than_seconds: float) -> Iterator[Stored]:
        """Everything stored that long ago, in any order, for the orphan sweep; not the trash."""
        ...

    def trash(self, name: str) -> None:
        """Move to the trash of today (UTC); nothing happens where nothing is. Raises StoreError."""
        ...

    def trashed(self) -> Iterator[Trashed]:
        """Everything in the trash, in any order. Raises StoreError."""
        ...

    def put_back(self, name: str, day: dt.date | None = None) -> bool:
        """Back from the trash (of one day, where it is known) to its place; False where the trash
        has no such bytes. Bytes that are in their place are left alone. Raises StoreError."""
        ...

    def discard(self, found: Trashed) -> None:
        """Remove from the trash, for good. Raises StoreError."""
        ...

    def sweep_partial(self, older_than_seconds: float) -> int:
        """Remove what broken uploads left; returns how many."""
        ...

    def marker(self) -> dict[str, Any] | None:
        """Which installation the bytes belong to (``core.installation``); None before the first
        start. Raises StoreError."""
        ...

    def write_marker(self, marker: dict[str, Any]) -> None:
        """Replace the marker. Raises StoreError, DiskFull."""
        ...

    def place(self) -> Any:
        """Where the bytes lie, as ``core.installation`` compares it."""
        ...


class Metered:
    """Reads a stream in chunks, counting and hashing: the one pass over the bytes.

    A whole chunk is hashed in another thread while the caller stores it and reads the next one;
    never more than one is under way, so memory does not grow with the body.
    """

    def __init__(self, stream: Readable, size: int | None) -> None:
        self._stream = stream
        self._expected = size
        self._digest = hashlib.sha256()
        self._hashing: Future[None] | None = None
        self.count = 0

    def chunks(self) -> Iterator[bytes]:
        """The stream's bytes. Raises ShortBody when fewer arrive than were announced."""
        while chunk := self.read(CHUNK):
            yield chunk

    def read(self, size: int = CHUNK) -> bytes:
        """The next bytes, b"" at the end. Raises ShortBody."""
        wanted = CHUNK if size is None or size < 0 else size
        if self._expected is not None:
            wanted = min(wanted, self._expected - self.count)
            if wanted <= 0:
                return b""
        try:
            chunk = self._stream.read(wanted)
        except OSError as error:  # the sender went away: UnreadablePostError is an OSError
            raise self._short() from error
        if not chunk:
            if self._expected is not None and self.count < self._expected:
                raise self._short()
            return b""
        self._settle()
        if len(chunk) < CHUNK:
            self._digest.update(chunk)
        else:
            self._hashing = beside().submit(self._digest.update, chunk)
        self.count += len(chunk)
        return chunk

    def written(self) -> Written:
        """The count and digest of everything read so far."""
        self._settle()
        return Written(self.count, self._digest.hexdigest())

    def _settle(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None

    def _short(self) -> ShortBody:
        if self._expected is None:
            return ShortBody(messages.SHORT_BODY(count=self.count))
        return ShortBody(messages.SHORT_BY(count=self.count, expected=self._expected))

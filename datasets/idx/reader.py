"""Read one IDX file, plain or gzip, as a forward stream in constant memory.

Format: two zero bytes, one type byte, one byte with the number of dimensions, then one
big-endian uint32 per dimension, then the values, last dimension fastest.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import BinaryIO

from core.said import Said

from .sentences import say

Opener = Callable[[], BinaryIO]

CHUNK = 256 * 1024
GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08
#: the other types -> what they are called
TYPE_NAMES = {
    0x09: say("IDX_SIGNED_BYTE"),
    0x0B: say("IDX_INTEGER_16"),
    0x0C: say("IDX_INTEGER_32"),
    0x0D: say("IDX_FLOAT_32"),
    0x0E: say("IDX_FLOAT_64"),
}
# A picture dataset with a longer side than this is not in the spirit of IDX, and a corrupt header
# would otherwise ask for terabytes.
MAX_SIDE = 4096


class IdxError(ValueError):
    """One rule of the format is broken: the message says which, and the next step.

    ``offset`` counts bytes of the stored file when ``in_compressed`` is true, else bytes of the
    uncompressed content.
    """

    def __init__(
        self, code: str, message: Said, *, offset: int = 0, in_compressed: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset
        self.in_compressed = in_compressed


class IdxStream:
    """A forward reader over one IDX file; use it as a context manager.

    After construction ``dims`` holds the sizes the header declares and ``promised`` the number of
    value bytes that must follow. Raises IdxError; never holds more than about two chunks.
    """

    def __init__(self, opener: Opener, *, name: str, dims: int) -> None:
        self.name = name
        self._file = opener()
        self._read_compressed = 0
        self._offset = 0
        self._inflater: zlib._Decompress | None = None
        self._pending = b""
        self._gz_done = False
        try:
            self._start()
            self.dims = self._header(dims)
        except BaseException:
            self._file.close()
            raise
        self.promised = math.prod(self.dims)

    def __enter__(self) -> IdxStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def item_bytes(self) -> int:
        """Bytes of one item: rows x columns of an image, 1 for a label."""
        return math.prod(self.dims[1:])

    def values(self) -> Iterator[bytes]:
        """Yield the value bytes in chunks; raise when they end early or do not end."""
        left = self.promised
        while left:
            chunk = self._read(min(CHUNK, left))
            if not chunk:
                raise IdxError(
                    "TRUNCATED",
                    say(
                        "IDX_TRUNCATED",
                        name=self.name,
                        seen=self.promised - left,
                        promised=self.promised,
                        dims=" x ".join(map(str, self.dims)),
                    ),
                    offset=self._offset,
                )
            left -= len(chunk)
            yield chunk
        excess = self._read(CHUNK)
        if excess:
            raise IdxError(
                "TRAILING_BYTES",
                say(
                    "IDX_TRAILING_MORE" if len(excess) == CHUNK else "IDX_TRAILING",
                    name=self.name,
                    excess=len(excess),
                    promised=self.promised,
                ),
                offset=self._offset - len(excess),
            )

    def items(self) -> Generator[bytes]:
        """Yield one item after the other (an image's rows x columns bytes, or one label byte)."""
        size = self.item_bytes
        rest = b""
        for chunk in self.values():
            block = rest + chunk if rest else chunk
            whole = len(block) - len(block) % size
            for start in range(0, whole, size):
                yield block[start : start + size]
            rest = block[whole:]

    def _start(self) -> None:
        head = self._file.read(2)
        self._read_compressed = len(head)
        self._pending = head
        is_gzip = head == GZIP_MAGIC
        if not head:
            raise IdxError("EMPTY", say("IDX_EMPTY", name=self.name))
        if self.name.endswith(".gz") and not is_gzip:
            raise IdxError(
                "NOT_GZIP",
                say("IDX_NOT_GZIP", name=self.name, head=head.hex(" ")),
                in_compressed=True,
            )
        if is_gzip and not self.name.endswith(".gz"):
            raise IdxError(
                "GZIP_WITHOUT_SUFFIX",
                say("IDX_GZIP_WITHOUT_SUFFIX", name=self.name),
                in_compressed=True,
            )
        if is_gzip:
            self._inflater = zlib.decompressobj(wbits=31)

    def _header(self, want_dims: int) -> tuple[int, ...]:
        magic = self._exactly(4, "IDX_IN_MAGIC")
        zero, kind, dims = magic[:2], magic[2], magic[3]
        if zero != b"\x00\x00":
            raise IdxError(
                "BAD_MAGIC",
                say("IDX_BAD_MAGIC", name=self.name, magic=magic.hex(" ")),
            )
        if kind != UNSIGNED_BYTE and kind not in TYPE_NAMES:
            raise IdxError(
                "BAD_TYPE",
                say("IDX_BAD_TYPE", name=self.name, kind=kind),
                offset=2,
            )
        if kind != UNSIGNED_BYTE:
            raise IdxError(
                "WRONG_TYPE",
                say("IDX_WRONG_TYPE", name=self.name, type=TYPE_NAMES[kind], kind=kind),
                offset=2,
            )
        if dims != want_dims:
            swapped = {3: 1, 1: 3}.get(want_dims) == dims
            raise IdxError(
                "WRONG_DIMS",
                say(
                    "IDX_SWAPPED" if swapped else "IDX_WRONG_DIMS",
                    name=self.name,
                    dims=dims,
                    wanted=want_dims,
                ),
                offset=3,
            )
        sizes = struct.unpack(f">{dims}I", self._exactly(4 * dims, "IDX_IN_SIZES"))
        if sizes[0] == 0:
            raise IdxError("NO_ITEMS", say("IDX_NO_ITEMS", name=self.name), offset=4)
        for place, size in enumerate(sizes[1:], start=1):
            if not 1 <= size <= MAX_SIDE:
                raise IdxError(
                    "BAD_SHAPE",
                    say(
                        "IDX_ROWS" if place == 1 else "IDX_COLUMNS",
                        name=self.name,
                        size=size,
                        most=MAX_SIDE,
                    ),
                    offset=4 + 4 * place,
                )
        return sizes

    def _exactly(self, count: int, what: str) -> bytes:
        got = b""
        while len(got) < count:
            piece = self._read(count - len(got))
            if not piece:
                raise IdxError(
                    "TRUNCATED_HEADER",
                    say(what, name=self.name, offset=self._offset),
                    offset=self._offset,
                )
            got += piece
        return got

    def _read(self, count: int) -> bytes:
        data = self._read_plain(count) if self._inflater is None else self._inflate(count)
        self._offset += len(data)
        return data

    def _read_plain(self, count: int) -> bytes:
        if self._pending:
            data, self._pending = self._pending[:count], self._pending[count:]
            return data
        return self._file.read(count)

    def _inflate(self, count: int) -> bytes:
        while not self._gz_done and (inflater := self._inflater) is not None:
            source = self._pending or self._fill()
            try:
                # Called even without input: zlib may still hold output of an earlier call.
                data = inflater.decompress(source, count)
            except zlib.error as error:
                raise IdxError(
                    "CORRUPT_GZIP",
                    say(
                        "IDX_CORRUPT_GZIP",
                        name=self.name,
                        offset=self._read_compressed,
                        error=str(error),
                    ),
                    offset=self._read_compressed,
                    in_compressed=True,
                ) from error
            if not source and not data and not inflater.eof:
                raise IdxError(
                    "TRUNCATED_GZIP",
                    say("IDX_TRUNCATED_GZIP", name=self.name, offset=self._read_compressed),
                    offset=self._read_compressed,
                    in_compressed=True,
                )
            self._pending = inflater.unconsumed_tail
            if inflater.eof:
                self._end_member(inflater.unused_data)
            if data:
                return data
        return b""

    def _end_member(self, rest: bytes) -> None:
        """After one gzip member: stop at the end, go on with a second, refuse anything else."""
        rest = rest or self._fill()
        if not rest:
            self._gz_done = True
        elif GZIP_MAGIC.startswith(rest[:2]):
            self._inflater = zlib.decompressobj(wbits=31)
            self._pending = rest
        else:
            start = self._read_compressed - len(rest)
            raise IdxError(
                "TRAILING_GZIP",
                say("IDX_TRAILING_GZIP", name=self.name),
                offset=start,
                in_compressed=True,
            )

    def _fill(self) -> bytes:
        data = self._file.read(CHUNK)
        self._read_compressed += len(data)
        return data

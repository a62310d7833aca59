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

Opener = Callable[[], BinaryIO]

CHUNK = 256 * 1024
GZIP_MAGIC = b"\x1f\x8b"
TYPE_NAMES = {
    0x08: "unsigned byte",
    0x09: "signed byte",
    0x0B: "16-bit integer",
    0x0C: "32-bit integer",
    0x0D: "32-bit float",
    0x0E: "64-bit float",
}
UNSIGNED_BYTE = 0x08
# A picture dataset with a longer side than this is not in the spirit of IDX, and a corrupt header
# would otherwise ask for terabytes.
MAX_SIDE = 4096


class IdxError(ValueError):
    """One rule of the format is broken.

    ``offset`` counts bytes of the stored file when ``in_compressed`` is true, else bytes of the
    uncompressed content.
    """

    def __init__(
        self, code: str, message: str, *, offset: int = 0, fix: str, in_compressed: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset
        self.fix = fix
        self.in_compressed = in_compressed


REUPLOAD = "Upload the file again and compare its size with the original."


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
                    f"`{self.name}` ends after {self.promised - left:,} of the {self.promised:,} "
                    f"value bytes its header promises ({' x '.join(map(str, self.dims))}).",
                    offset=self._offset,
                    fix=REUPLOAD,
                )
            left -= len(chunk)
            yield chunk
        excess = self._read(CHUNK)
        if excess:
            more = "at least " if len(excess) == CHUNK else ""
            raise IdxError(
                "TRAILING_BYTES",
                f"`{self.name}` goes on for {more}{len(excess):,} bytes after the "
                f"{self.promised:,} its header promises.",
                offset=self._offset - len(excess),
                fix="Correct the count in the header or cut the file to its size.",
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
            raise IdxError("EMPTY", f"`{self.name}` has no bytes.", fix=REUPLOAD)
        if self.name.endswith(".gz") and not is_gzip:
            raise IdxError(
                "NOT_GZIP",
                f"`{self.name}` is named .gz but starts with {head.hex(' ')}, not 1f 8b.",
                fix="Compress it with gzip, or drop .gz from its name.",
                in_compressed=True,
            )
        if is_gzip and not self.name.endswith(".gz"):
            raise IdxError(
                "GZIP_WITHOUT_SUFFIX",
                f"`{self.name}` holds gzip data but its name does not end in .gz.",
                fix=f"Rename it to `{self.name}.gz` or unpack it.",
                in_compressed=True,
            )
        if is_gzip:
            self._inflater = zlib.decompressobj(wbits=31)

    def _header(self, want_dims: int) -> tuple[int, ...]:
        magic = self._exactly(4, "the four magic bytes")
        zero, kind, dims = magic[:2], magic[2], magic[3]
        if zero != b"\x00\x00":
            raise IdxError(
                "BAD_MAGIC",
                f"`{self.name}` starts with {magic.hex(' ')}; an IDX file starts with 00 00.",
                fix="Check that this is the IDX file and not a page or archive saved by its name.",
            )
        if kind not in TYPE_NAMES:
            raise IdxError(
                "BAD_TYPE",
                f"`{self.name}` has the type byte 0x{kind:02x}, which IDX does not define.",
                offset=2,
                fix="Write the values as unsigned bytes (0x08).",
            )
        if kind != UNSIGNED_BYTE:
            raise IdxError(
                "WRONG_TYPE",
                f"`{self.name}` holds {TYPE_NAMES[kind]} values (0x{kind:02x}); "
                "unsigned bytes (0x08) are needed.",
                offset=2,
                fix="Convert the values to 0..255 and write them as unsigned bytes.",
            )
        if dims != want_dims:
            swapped = {3: 1, 1: 3}.get(want_dims) == dims
            raise IdxError(
                "WRONG_DIMS",
                f"`{self.name}` declares {dims} dimension(s); its name promises {want_dims}."
                + (" It looks as if the images and labels files were swapped." if swapped else ""),
                offset=3,
                fix="Swap the two files." if swapped else "Write the file with the right header.",
            )
        sizes = struct.unpack(f">{dims}I", self._exactly(4 * dims, "the sizes in the header"))
        if sizes[0] == 0:
            raise IdxError(
                "NO_ITEMS", f"`{self.name}` declares 0 items.", offset=4, fix="Add data."
            )
        for place, size in enumerate(sizes[1:], start=1):
            if not 1 <= size <= MAX_SIDE:
                raise IdxError(
                    "BAD_SHAPE",
                    f"`{self.name}` declares {'rows' if place == 1 else 'columns'} = {size:,}; "
                    f"1 to {MAX_SIDE:,} are accepted.",
                    offset=4 + 4 * place,
                    fix="Check the byte order of the header (big-endian) and the shape.",
                )
        return sizes

    def _exactly(self, count: int, what: str) -> bytes:
        got = b""
        while len(got) < count:
            piece = self._read(count - len(got))
            if not piece:
                raise IdxError(
                    "TRUNCATED_HEADER",
                    f"`{self.name}` ends after {self._offset} bytes, inside {what}.",
                    offset=self._offset,
                    fix=REUPLOAD,
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
                    f"`{self.name}` has damaged gzip data before byte {self._read_compressed:,}: "
                    f"{error}.",
                    offset=self._read_compressed,
                    fix=REUPLOAD,
                    in_compressed=True,
                ) from error
            if not source and not data and not inflater.eof:
                raise IdxError(
                    "TRUNCATED_GZIP",
                    f"`{self.name}` stops inside its gzip data after {self._read_compressed:,} "
                    "bytes: the upload was cut.",
                    offset=self._read_compressed,
                    fix=REUPLOAD,
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
                f"`{self.name}` has bytes that are not gzip after the end of its data.",
                offset=start,
                fix="Cut the file at that byte or compress it again.",
                in_compressed=True,
            )

    def _fill(self) -> bytes:
        data = self._file.read(CHUNK)
        self._read_compressed += len(data)
        return data

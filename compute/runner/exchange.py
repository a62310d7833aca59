"""One request to a server that tenants wrote, over its unix socket, within bounds.

The answer is read linearly: at most HEAD_BYTES before its body begins, interim answers included,
at most so many bytes of body, and everything together within one deadline. A socket's own timeout
counts from byte to byte, and http.client reads interim answers without an end.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from compute import sockets, whole

HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, content type, and the body; None when it has more bytes than were asked for."""

    status: int
    kind: str
    body: bytes | None


def ask(
    path: Path,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    kind: str = "",
    seconds: float,
    limit: int,
) -> Answer:
    """Ask once, `seconds` for connecting, sending and reading together; `limit` bytes of body.

    Raises TimeoutError, whole.CutOff (the answer broke off), http.client.HTTPException (no HTTP, or
    no body within HEAD_BYTES), OSError (nothing listens), ValueError (no HTTP request can be made
    of method and target).
    """
    until = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        line = _Line(connected, until)
        try:
            connected.settimeout(seconds)
            with sockets.address(path) as address:
                connected.connect(address)
            return _ask(line, method, target, body, kind, limit)
        except TimeoutError as late:
            raise TimeoutError(f"no answer within {seconds:g} s") from late


def _ask(line: _Line, method: str, target: str, body: bytes, kind: str, limit: int) -> Answer:
    connection = http.client.HTTPConnection("instance")
    connection.sock = cast(socket.socket, line)
    headers = {"Content-Type": kind} if kind else {}
    connection.request(method, target, body=body or None, headers=headers)
    response = connection.getresponse()
    told = response.headers.get("Content-Type", "")
    # What frames the pieces of a body may be as large as the body, and no larger.
    line.room = 2 * limit + HEAD_BYTES
    try:
        return Answer(response.status, told, whole.read(response, limit))
    except whole.TooLong:
        return Answer(response.status, told, None)


class _Line:
    """What http.client uses of a socket, with an end in time and in bytes."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._until = until
        #: bytes that may still be read
        self.room = HEAD_BYTES

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        # A server may answer and close before it has read all: what it said is read then.
        with contextlib.suppress(BrokenPipeError):
            self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # http.client reads bytes
        return io.BufferedReader(_Bytes(self))

    def close(self) -> None:
        """`ask` closes the socket, which it opened."""

    def receive(self, buffer: Any) -> int:
        if self.room <= 0:
            raise whole.TooLong(f"More than {HEAD_BYTES:,} bytes came before a body.")
        self._socket.settimeout(self._left())
        count = self._socket.recv_into(memoryview(buffer)[: self.room])
        self.room -= count
        return count

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Bytes(io.RawIOBase):
    """The bytes that arrive on a line."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._line.receive(buffer)

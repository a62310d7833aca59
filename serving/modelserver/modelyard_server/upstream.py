"""One HTTP exchange with the package's own server, on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import h11

PIECE = 65536
SHOWN = 300  # bytes of an answer that a sentence quotes


class Gone(Exception):
    """The server closed the connection, or sent what is no HTTP."""


class Upstream:
    """Sends one request and reads one answer, both in pieces of at most 64 KiB."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def connect(cls, address: str, port: int) -> Upstream:
        """Raises OSError."""
        return cls(*await asyncio.open_connection(address, port, limit=PIECE))

    async def send(self, event: h11.Event) -> None:
        """Write the head, a piece or the end of the request. Raises OSError, LocalProtocolError."""
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def head(self) -> h11.Response:
        """The status line and the headers. Raises Gone, OSError."""
        while True:
            event = await self.next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise Gone("closed the connection without an answer")

    async def next(self) -> h11.Event:
        """The next part of the answer. Raises Gone, OSError."""
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self._reader.read(PIECE))
                elif isinstance(event, h11.Event):
                    return event
                else:
                    raise Gone("went on after its answer")
        except h11.RemoteProtocolError as error:
            raise Gone(f"sent what is no HTTP answer: {error}") from error

    def close(self) -> None:
        """End the connection at once; nothing waits for it."""
        self._writer.transport.abort()


@dataclass(frozen=True)
class Said:
    """The answer to a question of ours. ``status`` 0: none; ``text`` says it in one line."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


async def ask(address: str, port: int, path: str, seconds: float) -> Said:
    """GET ``path`` within ``seconds`` for everything together."""
    began = time.monotonic()
    what = f"GET {path} on port {port}"
    try:
        async with asyncio.timeout(seconds):
            status, body = await _ask(address, port, path)
    except TimeoutError:
        return Said(0, f"{what}: no answer within {seconds:g} s")
    except (OSError, Gone, h11.LocalProtocolError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        return Said(0, f"{what}: {text or type(error).__name__}")
    after = f"after {time.monotonic() - began:.2f} s"
    quoted = f": {body.decode('utf-8', 'replace')}" if body else ""
    return Said(status, f"{what} answered {status} {after}{quoted}")


async def _ask(address: str, port: int, path: str) -> tuple[int, bytes]:
    upstream = await Upstream.connect(address, port)
    try:
        await upstream.send(request("GET", path, [], port))
        await upstream.send(h11.EndOfMessage())
        head = await upstream.head()
        body = b""
        while len(body) < SHOWN:
            event = await upstream.next()
            if not isinstance(event, h11.Data):
                break
            body += bytes(event.data)
        return head.status_code, body[:SHOWN]
    finally:
        upstream.close()


def request(
    method: str, target: str | bytes, headers: Sequence[tuple[bytes, bytes]], port: int
) -> h11.Request:
    """A request that ends its connection: the simplest servers then know where it ends too."""
    return h11.Request(
        method=method,
        target=target,
        headers=[(b"host", b"localhost:%d" % port), *headers, (b"connection", b"close")],
    )

"""One caller's connection: uvicorn's, with bounds on what it leaves open.

uvicorn keeps the head of a request, or the trailers of a body, in memory as long as its sender goes
on, and waits for a first byte for ever. Both happen before anybody is asked who he is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: bytes of one request that are no body: head, chunk sizes, trailers. Far above what a head may
#: have (``app.MAX_HEADERS``): a piece from the network may hold the end of another request too.
MOST = 512 * 1024
#: chunked in pieces of a byte, a body comes with six times its size around it
AROUND = 8
#: seconds until the first byte of the first request, and from there to the end of its head
FIRST, HEAD = 75.0, 30.0
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 27\r\nconnection: close\r\n\r\n"
    b"The headers are too large.\n"
)


class Callers(HttpToolsProtocol):
    """HTTP/1.1 of one connection. Cuts a head that does not end, in bytes or in time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._around = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for a first byte, but not for ever."""
        super().connection_made(transport)
        self._end_in(FIRST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._end_in(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is no body."""
        self._around += len(data)
        super().data_received(data)
        if self._around > MOST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._end_in(HEAD)

    def on_headers_complete(self) -> None:
        """From here on the application bounds how long the body may take."""
        self._end_in(None)
        self._around = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The body is bounded where the service is known."""
        self._around = max(0, self._around - AROUND * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What comes now is another request."""
        self._around = 0
        super().on_message_complete()

    def _end_in(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._late) if seconds is not None else None

    def _late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

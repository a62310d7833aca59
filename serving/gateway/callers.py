"""One caller's connection: uvicorn's, with bounds on what it leaves open.

uvicorn keeps the head of a request, or the trailers of a body, in memory as long as its sender goes
on, waits for a first byte for ever, and keeps what a caller does not read. It parses whatever came
at once, and tells the newest request of a connection alone that the caller left. Most of this
happens before any credential is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .connections import MOST as MOST_OPEN
from .connections import Connections
from .presence import CUT, LEAVING

#: bytes of one request that are no body: head, chunk sizes, trailers. Far above what a head may
#: have (``app.MAX_HEADERS``): a piece from the network may hold the end of another request too.
MOST = 512 * 1024
#: chunked in pieces of a byte, a body comes with six times its size around it
AROUND = 8
#: seconds until the first byte of the first request, and from there to the end of its head
FIRST, HEAD = 75.0, 30.0
#: bytes that are parsed at once; others come in between
SLICE = 16 * 1024
#: a caller who has not read what is there has to take as many bytes a second, looked at so often
SLOWEST, LOOK = 4 * 1024, 15.0
#: seconds that a refused caller has to read why, and how many may take them
LINGER, LINGERING = 1.0, 64


def _plain(status: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


TOO_LARGE = _plain("431 Request Header Fields Too Large", "The headers are too large.")
FULL = _plain("503 Service Unavailable", "Too many connections are open. Close some, or wait.")


class Flow(FlowControl):
    """uvicorn's, which may be held: then nothing more is read whatever it says."""

    def __init__(self, transport: asyncio.Transport, go_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self._go_on = go_on
        self._held = False

    def resume_reading(self) -> None:
        """Read on, or parse on what is held."""
        if not self._held:
            super().resume_reading()
        elif self.read_paused:
            self.read_paused = False
            self._go_on()

    def pause_reading(self) -> None:
        """Wait with what comes."""
        if self._held:
            self.read_paused = True
        else:
            super().pause_reading()

    def hold(self) -> None:
        """Read nothing until ``let_go``."""
        if not self._held:
            self._held = True
            if not self.read_paused:
                self._transport.pause_reading()

    def let_go(self) -> None:
        """Read again, if uvicorn wants to."""
        if self._held:
            self._held = False
            if not self.read_paused and not self._transport.is_closing():
                self._transport.resume_reading()


class Callers(HttpToolsProtocol):
    """HTTP/1.1 of one connection. Cuts a head that does not end, in bytes or in time, and a caller
    who does not read."""

    #: of this process; ``asgi`` gives one that knows the proxies
    connections_open = Connections(MOST_OPEN)
    lingering = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._around = 0
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._held = bytearray()
        self._planned = False
        self._counted: str | None = None
        self._answering: Any = None
        self._in_head = self._timed = False
        self._leaving: list[Callable[[], None]] = []

    def connection_made(self, transport: Any) -> None:
        """Wait for a first byte, but not for ever."""
        super().connection_made(transport)
        self.flow = Flow(transport, self._plan)
        self._counted = self.connections_open.enter(self.client[0] if self.client else "")
        if self._counted is None:
            self._refuse()
        else:
            self._end_in(FIRST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time, and tell the request that is being answered."""
        self._end_in(None)
        self._look_in(None)
        self._held.clear()
        if self._counted is not None:
            self.connections_open.leave(self._counted)
            self._counted = None
        self.pipeline.clear()
        for told in self._leaving:
            told()
        self._leaving.clear()
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a little at a time."""
        if self._counted is None or self.transport.is_closing():
            return
        if not self._held and len(data) <= SLICE:
            self._parse(data)
            return
        self._held += data
        self.flow.hold()  # type: ignore[attr-defined]
        self._plan()

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self.loop.call_soon(self._next)

    def _next(self) -> None:
        """Parse the next slice, unless uvicorn wants nothing now."""
        self._planned = False
        if self.transport.is_closing() or self.flow.read_paused:
            return
        piece = bytes(self._held[:SLICE])
        del self._held[:SLICE]
        self._parse(piece)
        if self._held:
            self._plan()
        else:
            self.flow.let_go()  # type: ignore[attr-defined]

    def _parse(self, data: bytes) -> None:
        """Count what is no body."""
        self._around += len(data)
        super().data_received(data)
        if self._in_head and not self._timed:  # most heads come whole, and need no timer
            self._timed = True
            self._end_in(HEAD)
        if self._around > MOST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(TOO_LARGE)
            self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The caller does not read what is there: it is watched."""
        super().pause_writing()
        self._look_in(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        self._look_in(None)

    def _look_in(self, left: int | None) -> None:
        if self._slow is not None:
            self._slow.cancel()
        self._slow = self.loop.call_later(LOOK, self._look, left) if left is not None else None

    def _look(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if before - left < SLOWEST * LOOK and left:
            self.transport.abort()
        else:
            self._look_in(left)

    def _refuse(self) -> None:
        """Say why. A connection closed on unread bytes is reset, and the caller would not get
        it."""
        if Callers.lingering >= LINGERING:
            self.transport.abort()
            return
        Callers.lingering += 1
        self.transport.write(FULL)
        self.transport.write_eof()
        self.loop.call_later(LINGER, self._refused)

    def _refused(self) -> None:
        Callers.lingering -= 1
        self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """From here on the application bounds how long the body may take; who puts something into
        the scope's list is told when the caller leaves."""
        self._in_head = self._timed = False
        if self._timer is not None:
            self._end_in(None)
        self.scope[LEAVING] = self._leaving  # type: ignore[literal-required]
        self.scope[CUT] = self._cut  # type: ignore[literal-required]
        self._around = 0
        super().on_headers_complete()

    def _cut(self) -> None:
        """Leave the present answer incomplete. An application that raises would be told in the log
        with all its frames, as often as a model wants."""
        self._answering.disconnected = True
        self.transport.close()

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

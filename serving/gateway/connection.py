"""A connection to an instance: aiohttp's, with bounds on what a tenant's program may answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import StreamReader

from .turns import Turns

#: answers before the answer (1xx), and bytes until its headers end
MAX_INTERIM = 8
MAX_HEAD = 64 * 1024
#: bytes of chunk sizes, extensions and trailers until something of the answer has to come
MAX_FRAMING = 64 * 1024
FIRST_SLICE, LEAST_SLICE, MOST_SLICE = 2 * 1024, 512, 64 * 1024
#: bytes that are held before no more is read
MAX_HELD = 64 * 1024
#: seconds of processor time that a slice may cost, and what reading a piece and passing it on
#: costs about: for the piece, and for a byte
SLICE_COST, PASS_COST, BYTE_COST = 0.0002, 0.0001, 2e-9
#: a stream that is mostly framing is charged as if all of it were content, up to so many times
MAX_CHARGE = 4.0


class BadAnswer(aiohttp.ClientError):
    """What came is no HTTP answer that can be passed on; the text says why."""


class InstanceConnection(ResponseHandler):
    """Reads answers in slices, in turn with other connections.

    owner: the account whose program is at the other end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Turns, owner: str) -> None:
        super().__init__(loop)
        self.owner = owner
        self.queued = False
        self._turns = turns
        self._held, self._at = b"", 0
        self._lost: tuple[BaseException | None] | None = None
        # Of the present request: whether it waits for (the end of) an answer, and its head is read.
        self._asked = self._begun = False
        self._interim = self._head = self._framing = 0
        self._slice, self._pass_cost = FIRST_SLICE, 0.0

    @property
    def waiting(self) -> bool:
        """Whether there is something that may be parsed now."""
        return bool(self._held) and not self._reading_paused

    def set_response_params(self, **given: Any) -> None:
        """A request begins."""
        self._asked, self._begun = True, False
        self._interim = self._head = self._framing = 0
        self._slice, self._pass_cost = FIRST_SLICE, 0.0
        super().set_response_params(**given)

    def data_received(self, data: bytes) -> None:
        """Hold what came until it is parsed. Nothing comes where nothing was asked."""
        if data and not self._asked:
            self._end()
            return
        if data:
            self._held = self._held[self._at :] + data if self._held else data
            self._at = 0
        else:  # aiohttp goes on where it had paused
            super().data_received(data)
        if self._held:
            self._turns.enter(self)
            if len(self._held) - self._at > MAX_HELD and not self._buffer_paused:
                self._pause_reading_for_buffer()

    def take(self) -> float:
        """Parse one slice; returns what it is charged, in seconds of processor time."""
        streams, payload = self._begun and self._pass_cost > 0, self._payload
        before = _content(payload)
        began = time.thread_time()
        piece = self._held[self._at : self._at + self._slice]
        self._at += len(piece)
        if self._at >= len(self._held):
            self._held, self._at = b"", 0
        super().data_received(piece)
        content = _content(self._payload) - (before if self._payload is payload else 0)
        self._join()
        if not self._begun:
            self._head += len(piece)
            if self._head > MAX_HEAD:
                self._fail(f"its headers are larger than {MAX_HEAD // 1024} KiB")
        if self._held and not self._asked:
            self._end()
        cost = time.thread_time() - began
        if cost > SLICE_COST:
            self._slice = max(LEAST_SLICE, self._slice // 2)
        elif cost < SLICE_COST / 2:
            self._slice = min(MOST_SLICE, self._slice * 2)
        if streams:
            cost *= self._charge(len(piece), content)
        if not self._held:
            self._all_parsed()
        return cost + self._pass_cost + len(piece) * BYTE_COST

    def _charge(self, size: int, content: int) -> float:
        """How many times its cost a slice of a stream is charged: who sends a byte at a time gets
        a smaller share of the loop, not the same share for less."""
        self._framing = 0 if content else self._framing + size
        if self._framing > MAX_FRAMING and self._asked:
            self._fail(f"{MAX_FRAMING // 1024} KiB came of which nothing is content")
        return min(MAX_CHARGE, size / max(1, content))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A head was parsed. The one of the answer goes on; those before it are counted."""
        message, payload = data
        if not self._asked or self._exception is not None:
            self.force_close()
        elif 100 <= message.code < 200 and message.code != 101:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._fail(f"more than {MAX_INTERIM} interim answers came before it")
        elif "Content-Length" in message.headers and "Transfer-Encoding" in message.headers:
            self._fail("it has a Content-Length and a Transfer-Encoding")
        else:
            self._begun = True
            self._pass_cost = 0.0 if "Content-Length" in message.headers else PASS_COST
            super().feed_data(data, size)
            payload.on_eof(self._answered)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The end comes after what was sent before it."""
        if self._held:
            self._lost = (exc,)
        else:
            super().connection_lost(exc)

    def close(self) -> None:
        """Let go, whatever is held."""
        super().close()
        self._drop()

    def abort(self) -> None:
        """Let go at once."""
        super().abort()
        self._drop()

    def _join(self) -> None:
        """One piece of what was parsed. aiohttp would hand thousands over one by one, in Python,
        and ask for more after each."""
        payload: Any = self._payload
        if type(payload) is not StreamReader or payload._buffer_offset:
            return
        if len(payload._buffer) > 1:
            joined = b"".join(payload._buffer)
            payload._buffer.clear()
            payload._buffer.append(joined)
        if payload._http_chunk_splits:
            payload._http_chunk_splits.clear()

    def _answered(self) -> None:
        self._asked = False

    def _end(self) -> None:
        """More than an answer came: this connection is not used again."""
        self.force_close()
        if self.transport is not None:
            self.transport.close()
        self._drop()

    def _fail(self, why: str) -> None:
        error = BadAnswer(why)
        self.set_exception(error)
        if self.transport is not None:
            self.transport.abort()
        self._drop()

    def _drop(self) -> None:
        self._held, self._at = b"", 0
        self._all_parsed()

    def _all_parsed(self) -> None:
        if self._lost is not None:
            (exc,), self._lost = self._lost, None
            super().connection_lost(exc)
        elif self._buffer_paused:
            self._resume_reading_for_buffer()


def _content(payload: Any) -> int:
    """Bytes of the answer that were parsed, without their framing."""
    return payload.total_bytes if type(payload) is StreamReader else 0

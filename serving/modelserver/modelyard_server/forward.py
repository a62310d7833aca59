"""The ASGI application in front of a package's own server: GET /health, everything else passes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import uuid
from typing import Any

import h11

from .answer import send_json, words
from .body import RequestError, too_large
from .status import Progress
from .upstream import Gone, Upstream, request
from .watch import Watch

DISCARD_BYTES = 64 * 2**20
DISCARD_SECONDS = 5.0
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# These speak about one connection only (RFC 9110, 7.6.1), or are set anew.
DROPPED = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
        b"host",
        b"expect",
        b"x-request-id",
    }
)


class ForwardApp:
    """Passes requests on piece by piece and keeps none; at most ``limit`` at once."""

    def __init__(
        self, progress: Progress, watch: Watch, *, max_body: int, timeout: float, limit: int
    ) -> None:
        self._progress = progress
        self._watch = watch
        self._max_body = max_body
        self._timeout = timeout
        self._limit = limit
        self._active = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI entry; only HTTP arrives, the server runs without lifespan and websockets."""
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        if scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            await self._send(send, *self._health(), request_id)
            return
        exchange = _Exchange(scope, receive, send, request_id, self._max_body, self._timeout)
        exchange.closing = self._progress.stage == "draining"
        try:
            if not self._watch.ready:
                raise RequestError(503, "MODEL_LOADING", f"Still starting. {self._watch.message}")
            if self._active >= self._limit:
                raise RequestError(
                    503, "BUSY", f"{self._active} requests are under way; try again in a moment."
                )
            self._active += 1
            try:
                await exchange.run(self._watch.address, self._watch.rules.port)
            finally:
                self._active -= 1
        except RequestError as error:
            if exchange.started:
                # Returning without the end makes the web server close: an incomplete answer has to
                # look like one.
                sys.stderr.write(f"request {request_id}: {error.message} The answer was cut.\n")
                sys.stderr.flush()
                return
            content = {
                "error_code": error.code,
                "error_msg": error.message,
                "request_id": request_id,
            }
            unread = not exchange.complete
            if error.status == 413:
                await exchange.discard()
            await self._send(send, error.status, content, request_id, close=unread)

    def _health(self) -> tuple[int, dict[str, object]]:
        watch, stage = self._watch, self._progress.stage
        if stage == "ready" and not watch.well:
            stage = "unhealthy"
        return (200 if stage == "ready" else 503), {
            "stage": stage,
            "active": self._active,
            "reason": watch.reason,
            "message": watch.message,
            "proof": watch.proof,
        }

    async def _send(
        self,
        send: Any,
        status: int,
        content: dict[str, object],
        request_id: str,
        *,
        close: bool = False,
    ) -> None:
        draining = self._progress.stage == "draining"
        await send_json(send, status, words(content), request_id, close=close or draining)


class _Exchange:
    """One request on its way to the server and its answer back."""

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Any,
        send: Any,
        request_id: str,
        max_body: int,
        timeout: float,
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._request_id, self._max_body, self._timeout = request_id, max_body, timeout
        self.started = False
        self.complete = False  # the caller's body was read to its end
        self.closing = False

    async def run(self, address: str, port: int) -> None:
        """Raises RequestError."""
        length = dict(self._scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            raise too_large(self._max_body)
        try:
            async with asyncio.timeout(self._timeout):
                upstream = await Upstream.connect(address, port)
        except (OSError, TimeoutError) as error:
            raise RequestError(
                503, "SERVER_UNREACHABLE", f"The server takes no connection: {error}."
            ) from error
        sender = asyncio.create_task(self._forward(upstream, port))
        try:
            head = await self._head(upstream, sender)
            await self._answer(upstream, head, sender)
        except (Gone, OSError) as error:
            raise RequestError(502, "SERVER_GONE", f"The server {_words(error)}.") from error
        finally:
            upstream.close()
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await sender

    async def discard(self) -> None:
        """Read what the caller is still sending, within bounds: a connection closed on unread bytes
        is reset, and the caller would not see the answer that says why."""
        left = DISCARD_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self.complete and left > 0:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        return
                    left -= len(message.get("body", b""))
                    self.complete = not message.get("more_body")

    async def _forward(self, upstream: Upstream, port: int) -> None:
        """The request as it comes in, counted against the limit; then wait for the caller to
        leave. Raises RequestError (413, 400), and OSError when the server stops reading."""
        headers = [(k, v) for k, v in self._scope["headers"] if k not in DROPPED]
        query = self._scope["query_string"]
        target = self._scope["raw_path"] + (b"?" + query if query else b"")
        try:
            await upstream.send(request(self._scope["method"], target, headers, port))
        except h11.LocalProtocolError as error:
            raise RequestError(400, "BAD_REQUEST", f"This cannot be passed on: {error}.") from error
        size = 0
        while not self.complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _left()
            piece = message.get("body", b"")
            size += len(piece)
            if size > self._max_body:
                raise too_large(self._max_body)
            if piece:
                await upstream.send(h11.Data(data=piece))
            self.complete = not message.get("more_body")
        await upstream.send(h11.EndOfMessage())
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise _left()

    async def _head(self, upstream: Upstream, sender: asyncio.Task[None]) -> h11.Response:
        """The beginning of the answer; it may come before the whole request was sent."""
        head = asyncio.create_task(upstream.head())
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.wait({head, sender}, return_when=asyncio.FIRST_COMPLETED)
                if not head.done() and isinstance(sender.exception(), RequestError):
                    raise sender.exception() or _left()
                return await head  # a server that reads no further may have answered all the same
        except TimeoutError:
            raise RequestError(
                504,
                "PREDICT_TIMEOUT",
                f"The model did not answer within {self._timeout:g} s, the limit of a "
                "synchronous prediction.",
            ) from None
        finally:
            head.cancel()

    async def _answer(
        self, upstream: Upstream, head: h11.Response, sender: asyncio.Task[None]
    ) -> None:
        named = {
            name.strip().lower()
            for key, value in head.headers
            if key == b"connection"
            for name in value.split(b",")
        }
        headers = [
            (key, value)
            for key, value in head.headers
            if key not in DROPPED and key not in named and key != b"transfer-encoding"
        ]
        headers.append((b"x-request-id", self._request_id.encode()))
        if self.closing or not self.complete:
            # What is unread of the request would be taken for the next one.
            headers.append((b"connection", b"close"))
        self.started = True
        await self._send(
            {"type": "http.response.start", "status": head.status_code, "headers": headers}
        )
        while True:
            part = asyncio.create_task(upstream.next())
            await asyncio.wait({part, sender}, return_when=asyncio.FIRST_COMPLETED)
            if not part.done() and isinstance(sender.exception(), RequestError):
                part.cancel()
                raise sender.exception() or _left()
            event = await part
            if not isinstance(event, h11.Data):
                await self._send({"type": "http.response.body", "body": b""})
                return
            await self._send(
                {"type": "http.response.body", "body": bytes(event.data), "more_body": True}
            )


def _left() -> RequestError:
    return RequestError(400, "CLIENT_GONE", "The caller left.")


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"broke the connection off: {error.strerror or type(error).__name__}"
    return str(error)

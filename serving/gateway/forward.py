"""Carry one request to an instance and its answer back, both as streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from . import headers as header_rules
from .balance import Balancer
from .connection import BadAnswer
from .errors import GatewayError
from .gathering import Gathering
from .pools import Pools
from .presence import LEAVING, Presence, client_gone
from .protocol import MIB, Instance, Target, is_answer

if TYPE_CHECKING:
    from .app import Exchange

logger = logging.getLogger(__name__)

# Answers up to this size are passed on in one piece, larger ones as a stream. A caller who reads
# slowly makes the gateway keep as much.
MAX_WHOLE_ANSWER = MIB // 4
MAX_DISCARDED = 64 * MIB
DISCARD_SECONDS = 5.0

# An instance that never took the request: another one may be asked without doing work twice.
NOT_TAKEN = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class RequestBody:
    """The caller's body: counted against the limit, and known to be read or not."""

    def __init__(self, receive: Any, limit: int, declared: int | None, exchange: Exchange) -> None:
        self._receive = receive
        self._limit = limit
        self._exchange = exchange
        self.declared = declared
        self.first = b""
        self.complete = False
        self.streamed = False
        self.failure: GatewayError | None = None
        self._released = asyncio.Event()
        self._read = asyncio.Event()

    async def begin(self) -> None:
        """Read the first piece; most predictions fit in it and need no stream."""
        if self.declared is not None and self.declared > self._limit:
            raise self._too_large()
        self.first = await self._piece()

    async def rest(self) -> AsyncIterator[bytes]:
        """The whole body in pieces; a failure is kept too, because aiohttp wraps what it sees."""
        self.streamed = True
        try:
            yield self.first
            while not self.complete:
                piece = await self._piece()
                if piece:
                    yield piece
        except GatewayError as error:
            self.failure = error
            raise
        finally:
            self._released.set()

    async def settle(self) -> None:
        """After an early answer: let the instance take the rest, or read it here."""
        if self.streamed and not self.complete:
            try:
                async with asyncio.timeout(DISCARD_SECONDS):
                    await self._released.wait()
            except TimeoutError:
                return
        if not self.complete and self.failure is None:
            await self.discard()

    async def discard(self) -> None:
        """Read what the caller is still sending, within bounds.

        A connection closed on unread bytes is reset, and the caller would never see the answer
        that says why.
        """
        if self.complete:
            return
        left = MAX_DISCARDED
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self.complete and left > 0:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        return
                    left -= len(message.get("body", b""))
                    self.complete = not message.get("more_body", False)
        except TimeoutError:
            return

    async def caller_gone(self) -> GatewayError:
        """Return when the caller has closed the connection. While the body is read its reader
        notices it; from its end on nothing else comes."""
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        return client_gone()

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise GatewayError(499, "CLIENT_GONE", "The caller left before the body was complete.")
        piece: bytes = message.get("body", b"")
        self._exchange.bytes_in += len(piece)
        if self._exchange.bytes_in > self._limit:
            raise self._too_large()
        if not message.get("more_body", False):
            self.complete = True
            self._read.set()
        return piece

    def _too_large(self) -> GatewayError:
        return GatewayError(
            413,
            "BODY_TOO_LARGE",
            f"The body is larger than {self._limit / MIB:g} MiB, the limit of this service. "
            "Send less, or have the operator raise MODELYARD_MAX_PREDICTION_BYTES.",
            close=True,
        )


class Forwarder:
    """Sends requests to instances; retries once when an instance did not take the request."""

    def __init__(self, pools: Pools, balancer: Balancer) -> None:
        self._pools = pools
        self._balancer = balancer

    async def forward(
        self, target: Target, path: str, scope: dict[str, Any], receive: Any, exchange: Exchange
    ) -> None:
        """Forward and answer. Raises GatewayError when there is no answer to pass on."""
        instance = self._balancer.choose(target.service_id, target.instances)
        if instance is None:
            raise _nobody()
        declared = header_rules.get(scope["headers"], b"content-length")
        body = RequestBody(
            receive,
            target.max_body,
            int(declared) if declared is not None and declared.isdecimal() else None,
            exchange,
        )
        url = _url(path, scope["query_string"])
        try:
            leaving = scope.get(LEAVING)
            async with Presence(leaving) as presence:
                if leaving is None:  # another server than ours, which tells it by `receive`
                    presence.watch(body.caller_gone())
                await self._within(target, instance, url, scope, body, exchange, presence)
        except GatewayError as error:
            # Not after 408: that caller sends too slowly to be waited for again.
            if error.status in (413, 502, 503) and not _expects_continue(scope):
                await body.discard()
            raise

    async def _within(
        self,
        target: Target,
        instance: Instance,
        url: URL,
        scope: dict[str, Any],
        body: RequestBody,
        exchange: Exchange,
        presence: Presence,
    ) -> None:
        try:
            async with asyncio.timeout(target.timeout) as limit:
                await body.begin()
                try:
                    await self._try(instance, target, url, scope, body, exchange, presence, limit)
                except NOT_TAKEN:
                    self._balancer.refused(instance)
                    other = self._balancer.choose(
                        target.service_id, target.instances, without=instance
                    )
                    logger.warning("Instance %s took no connection.", instance.id)
                    if other is None or body.streamed:
                        raise _nobody() from None
                    try:
                        await self._try(other, target, url, scope, body, exchange, presence, limit)
                    except NOT_TAKEN:
                        self._balancer.refused(other)
                        raise _nobody() from None
        except TimeoutError:
            raise _late(target, body) from None
        except (BadAnswer, aiohttp.ClientResponseError) as error:
            why = str(error) if isinstance(error, BadAnswer) else "it is not HTTP"
            raise _bad_answer(f"gave no answer that can be passed on: {why}", body) from None
        except aiohttp.ClientError as error:
            if body.failure is not None:
                raise body.failure from None
            logger.warning("Request %s: %r", exchange.request_id, error)
            raise GatewayError(
                502,
                "INSTANCE_GONE",
                "The instance went away before it answered. The request was not repeated, because "
                "it may have been executed; send it again if that is harmless.",
                close=not body.complete,
            ) from None

    async def _try(
        self,
        instance: Instance,
        target: Target,
        url: URL,
        scope: dict[str, Any],
        body: RequestBody,
        exchange: Exchange,
        presence: Presence,
        limit: asyncio.Timeout,
    ) -> None:
        exchange.revision = instance.revision
        session = self._pools.acquire(instance.socket_path, target.owner)
        whole = body.complete
        length = len(body.first) if whole else body.declared
        if whole and not length and body.declared is None:
            length = None
        try:
            async with session.request(
                scope["method"],
                url,
                data=(body.first or None) if whole else body.rest(),
                headers=header_rules.for_instance(
                    scope["headers"], exchange.request_id, length, target.headers
                ),
                allow_redirects=False,
            ) as answer:
                # The limit is for the beginning of an answer; a stream may go on for hours.
                limit.reschedule(None)
                await self._answer(answer, target, body, exchange, presence)
        finally:
            self._pools.release(instance.socket_path)

    async def _answer(
        self,
        answer: aiohttp.ClientResponse,
        target: Target,
        body: RequestBody,
        exchange: Exchange,
        presence: Presence,
    ) -> None:
        if not is_answer(answer.status):
            answer.close()
            raise _bad_answer(
                f"answered with status {answer.status}, which is no answer to a request", body
            )
        lines = header_rules.for_caller(answer.raw_headers, exchange.request_id, answer.status)
        if not body.complete:
            # The instance answered without waiting for everything. The rest is not a new request,
            # and closing on unread bytes would reset the connection before the answer is read.
            lines.append((b"connection", b"close"))
            await body.settle()
        if answer.content_length is not None and answer.content_length <= MAX_WHOLE_ANSWER:
            async with asyncio.timeout(target.idle_timeout):
                content = await answer.read()
            await exchange.start(answer.status, lines)
            await exchange.body(content, more=False)
            return
        if exchange.right is not None:
            presence.watch(exchange.right.ended())
        await exchange.start(answer.status, lines)
        await self._stream(answer, target, exchange)

    async def _stream(
        self, answer: aiohttp.ClientResponse, target: Target, exchange: Exchange
    ) -> None:
        """Pass pieces on as they come, small ones of a fast stream together."""
        gathering = Gathering()
        try:
            while True:
                data = answer.content.read_nowait()
                came_meanwhile = bool(data)
                if not data:
                    async with asyncio.timeout(target.idle_timeout):
                        data = await answer.content.readany()
                await exchange.body(data, more=bool(data))
                if not data:
                    return
                pause = gathering.after(len(data), came_meanwhile)
                if pause:
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise GatewayError(
                504,
                "STREAM_TIMEOUT",
                f"The model sent nothing for {target.idle_timeout:g} s.",
            ) from None


def _expects_continue(scope: dict[str, Any]) -> bool:
    """The caller waits for leave to send: nothing is under way, nothing needs discarding."""
    return (header_rules.get(scope["headers"], b"expect") or "").lower() == "100-continue"


def _url(path: str, query: bytes) -> URL:
    text = f"http://instance{path}"
    if query:
        text += f"?{query.decode('latin-1')}"
    return URL(text, encoded=True)


def _bad_answer(what: str, body: RequestBody) -> GatewayError:
    return GatewayError(
        502,
        "BAD_ANSWER",
        f"The model's program {what}. Its author has to mend it.",
        close=not body.complete,
    )


def _nobody() -> GatewayError:
    return GatewayError(
        503,
        "NO_READY_INSTANCE",
        "No instance of this service is ready. Look at its page: it may be deploying or stopped.",
        headers={"retry-after": "2"},
        close=True,
    )


def _late(target: Target, body: RequestBody) -> GatewayError:
    if not body.complete:
        return GatewayError(
            408,
            "REQUEST_TIMEOUT",
            f"The request body did not arrive within {target.timeout:g} s.",
            close=True,
        )
    return GatewayError(
        504,
        "PREDICT_TIMEOUT",
        f"The model did not answer within {target.timeout:g} s, the limit of a synchronous "
        "prediction. Send less at once or raise the service's limit.",
    )

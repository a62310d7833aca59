"""The gateway's ASGI application: ``/v1/infers/{service_id}{path}`` to a ready instance."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from core.proxies import Proxies

from . import headers as header_rules
from .balance import Balancer
from .counters import Counters
from .errors import GatewayError
from .forward import Forwarder
from .pools import Pools
from .presence import CUT
from .protocol import Caller, Refusal, Resolver, Settings, Sink, Target

logger = logging.getLogger(__name__)

ROUTE = re.compile(rb"/v1/infers/([^/?]{1,200})(/[^?]*)?")
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")
NOT_ROUTED = "-"
# CONNECT asks for a tunnel, and TRACE to hear the headers again that a proxy added.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_HEADERS = 64 * 1024
CLIENT_GONE = 499


def create_app(resolver: Resolver, sink: Sink, settings: Settings | None = None) -> Gateway:
    """Build the ASGI app. It needs the lifespan protocol: run it with ``lifespan="on"``."""
    return Gateway(resolver, sink, settings or Settings())


class Gateway:
    """One process's gateway; holds connections and counts, no decisions."""

    def __init__(self, resolver: Resolver, sink: Sink, settings: Settings) -> None:
        self._resolver = resolver
        self._settings = settings
        self._counters = Counters(
            sink, every=settings.report_every, max_services=settings.max_counted_services
        )
        self._pools = Pools(settings)
        self._forwarder = Forwarder(self._pools, Balancer(settings.cooldown))
        self._proxies = Proxies(settings.trusted_proxies)
        self._active: dict[str, int] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI entry."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            # Refusing before accept() makes the server answer the handshake with 403.
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        self._counters.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # The server drains open requests before it sends the shutdown message.
        await self._counters.stop()
        await self._pools.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        raw_path = scope.get("raw_path") or scope["path"].encode()
        if raw_path == b"/healthz":
            await _send_json(send, 200, {"status": "ok"}, "")
            return
        given = header_rules.get(scope["headers"], b"x-request-id") or ""
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        started = time.perf_counter()
        exchange = Exchange(send, request_id, scope.get(CUT))
        service_id = NOT_ROUTED
        try:
            if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
                raise GatewayError(
                    431,
                    "HEADERS_TOO_LARGE",
                    f"The headers are larger than {MAX_HEADERS // 1024} KiB together.",
                    close=True,
                )
            if header_rules.asks_for_websocket(scope["headers"]):
                raise GatewayError(
                    403,
                    "WEBSOCKET_NOT_SERVED",
                    "A WebSocket was asked for, and none is served here. Send an HTTP request.",
                    close=True,
                )
            if scope["method"] not in METHODS:
                raise GatewayError(
                    405,
                    "METHOD_NOT_ALLOWED",
                    f"{scope['method'][:20]} is not passed on to a model. "
                    f"Use one of {', '.join(METHODS)}.",
                    headers={"allow": ", ".join(METHODS)},
                    close=True,
                )
            match = ROUTE.fullmatch(raw_path.partition(b"?")[0])
            if match is None:
                raise GatewayError(
                    404,
                    "NOT_FOUND",
                    "Predictions go to /v1/infers/{service id}/; nothing else is answered here.",
                )
            target = await self._authorize(unquote(match[1].decode("latin-1")), scope, request_id)
            service_id = target.service_id
            exchange.right = Right(
                lambda: self._authorize(service_id, scope, request_id), self._settings.ask_again
            )
            entered = self._enter(target)
            try:
                await self._forwarder.forward(
                    target, (match[2] or b"/").decode("latin-1"), scope, receive, exchange
                )
            finally:
                self._leave(entered)
        except GatewayError as error:
            await exchange.fail(error)
        except Exception:
            logger.exception("Request %s failed inside the gateway.", request_id)
            await exchange.fail(
                GatewayError(
                    500,
                    "GATEWAY_ERROR",
                    "The gateway failed; tell an administrator the request id.",
                )
            )
        finally:
            self._counters.add(
                service_id,
                exchange.revision,
                exchange.status,
                time.perf_counter() - started,
                exchange.bytes_in,
                exchange.bytes_out,
            )

    async def _authorize(self, service_id: str, scope: dict[str, Any], request_id: str) -> Target:
        answer = await self._resolver.authorize(
            service_id,
            header_rules.get(scope["headers"], b"authorization"),
            scope["method"],
            request_id,
            self._caller(scope),
        )
        if isinstance(answer, Refusal):
            raise GatewayError(
                answer.status,
                answer.error_code,
                answer.error_msg,
                extra=answer.extra,
                headers=answer.headers,
            )
        return answer

    def _caller(self, scope: dict[str, Any]) -> Caller:
        """Where a request comes from: who is connected, or who a trusted proxy says it saw."""
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        headers = scope["headers"]
        chain = [v.decode("latin-1") for k, v in headers if k == b"x-forwarded-for"]
        told = header_rules.get(headers, b"x-forwarded-proto") or ""
        over_tls = scope.get("scheme") == "https"
        return Caller(
            self._proxies.caller(peer, ",".join(chain)),
            over_tls or (told.strip().lower() == "https" and self._proxies.trusts(peer)),
            (header_rules.get(headers, b"user-agent") or "")[:200],
            (header_rules.get(headers, b"referer") or "")[:200],
        )

    def _enter(self, target: Target) -> tuple[str, str]:
        """Count a request of this service and this caller; give the result to ``_leave``."""
        service, caller = f"service {target.service_id}", f"caller {target.caller}"
        limit = target.max_active or self._settings.max_active_service
        if self._active.get(service, 0) >= limit:
            raise _too_many(limit, "of this service", "ask for more instances")
        limit = self._settings.max_active_caller
        if self._active.get(caller, 0) >= limit:
            raise _too_many(limit, "of your account", "wait for the answers to those")
        for key in (service, caller):
            self._active[key] = self._active.get(key, 0) + 1
        return service, caller

    def _leave(self, entered: tuple[str, str]) -> None:
        for key in entered:
            self._active[key] -= 1
            if not self._active[key]:
                del self._active[key]


def _too_many(limit: int, whose: str, instead: str) -> GatewayError:
    return GatewayError(
        429,
        "TOO_MANY_REQUESTS",
        f"{limit} requests {whose} are under way, its limit. Try again in a moment or {instead}.",
        headers={"retry-after": "1"},
    )


class Right:
    """The right behind one answer, asked for again while it streams: a token is revoked, a user
    disabled, a policy changed."""

    def __init__(self, ask: Callable[[], Awaitable[Target]], every: float) -> None:
        self._ask = ask
        self._every = every

    async def ended(self) -> GatewayError:
        """Wait for the refusal that ends the right.

        Anything else is none: with no instance ready or the database away for a moment, what is
        under way goes on.
        """
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._ask()
            except GatewayError as error:
                if error.status in (401, 403, 404):
                    return error
            except Exception:
                logger.exception("Whether a stream may go on could not be asked.")


class Exchange:
    """One answer on its way to the caller, and what is counted about it."""

    def __init__(self, send: Any, request_id: str, cut: Callable[[], None] | None = None) -> None:
        self._send = send
        self._cut = cut
        self.request_id = request_id
        self.right: Right | None = None
        self.status = 0
        self.revision = ""
        self.bytes_in = 0
        self.bytes_out = 0
        self.started = False
        self.broken = False

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the status line and headers."""
        self.started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, chunk: bytes, *, more: bool) -> None:
        """Send a piece of the body."""
        self.bytes_out += len(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def fail(self, error: GatewayError) -> None:
        """Answer with the uniform error, or cut an answer that has begun.

        The caller then sees an incomplete answer and not a short one. Raises GatewayError where the
        server is not ours: it closes the connection. A caller who left is told nothing.
        """
        if error.status == CLIENT_GONE:
            self.status = error.status
            return
        if self.started:
            self.status = error.status
            logger.warning("Request %s broke off: %s", self.request_id, error.message)
            if self._cut is None:
                raise error
            self._cut()
            return
        self.started, self.status = True, error.status
        content = {
            "error_code": error.code,
            "error_msg": error.message,
            "request_id": self.request_id,
            **error.extra,
        }
        try:
            await _send_json(
                self._send, error.status, content, self.request_id, error.headers, error.close
            )
        except RuntimeError as gone:
            # uvloop's word for a connection that the caller closed before the server noticed.
            logger.info(
                "Request %s was refused after its caller had gone: %s", self.request_id, gone
            )


async def _send_json(
    send: Any,
    status: int,
    content: dict[str, object],
    request_id: str,
    headers: Any = None,
    close: bool = False,
) -> None:
    body = json.dumps(content, ensure_ascii=False, default=str).encode()
    lines = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *header_rules.RESPONSE_ADDED,
        *((key.lower().encode(), value.encode()) for key, value in (headers or {}).items()),
    ]
    if close:
        lines.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})

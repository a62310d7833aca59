"""Which headers cross the gateway, and which must not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.proxies import is_forwarding

RawHeaders = Iterable[tuple[bytes, bytes]]

# RFC 9110, 7.6.1: these speak about one connection only.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Credentials of the platform stay here: a model server runs a tenant's code. Cookies are shared by
# all ports of a host, so a console session would otherwise reach it too.
PRIVATE = frozenset({b"authorization", b"cookie", b"x-auth-token", b"x-csrftoken"})
REWRITTEN = frozenset({b"host", b"x-request-id", b"expect", b"content-length"})
REQUEST_DROPPED = HOP_BY_HOP | PRIVATE | REWRITTEN
# The answer of a tenant's code must not act on the host the console lives on, on a browser's later
# requests or on a proxy in front: what passes describes the answer itself, and nothing more.
RESPONSE_KEPT = frozenset(
    {
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"content-language",
        b"content-disposition",
        b"content-range",
        b"accept-ranges",
        b"etag",
        b"last-modified",
        b"retry-after",
        b"vary",
        b"x-model",
    }
)
# RFC 9110, 15.3.5 and 15.4.5.
WITHOUT_BODY = frozenset({204, 304})
# A header with one of these could end the line, or means something else to each reader.
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
RESPONSE_KEPT_PREFIX = b"x-model-"
RESPONSE_ADDED = (
    (b"cache-control", b"private, no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
)


def get(headers: RawHeaders, name: bytes) -> str | None:
    """The first value of ``name`` (lower case), as Latin-1 text."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def asks_for_websocket(headers: RawHeaders) -> bool:
    """Whether a request is a handshake (RFC 6455, 4.1). The model would see a plain GET, because
    ``Upgrade`` speaks about one connection only and is not passed on."""
    return any(
        protocol.strip().lower().partition(b"/")[0] == b"websocket"
        for key, value in headers
        if key == b"upgrade"
        for protocol in value.split(b",")
    )


def for_instance(
    headers: RawHeaders, request_id: str, length: int | None, extra: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Headers of the forwarded request. A name with an underscore could be read as another one,
    and what a caller says about proxies is no proxy's word."""
    headers = list(headers)
    dropped = REQUEST_DROPPED | _named_in_connection(headers)
    kept = [
        (key.decode("latin-1"), value.decode("latin-1"))
        for key, value in headers
        if key not in dropped and b"_" not in key and not is_forwarding(key)
    ]
    kept.append(("x-request-id", request_id))
    if length is not None:
        kept.append(("content-length", str(length)))
    kept.extend(extra.items())
    return kept


def for_caller(headers: RawHeaders, request_id: str, status: int) -> list[tuple[bytes, bytes]]:
    """Headers of the answer. One without a body has no length here: with 304 it is that of
    another answer (RFC 9110, 8.6), and what is sent is measured against it."""
    lowered = [(key.lower(), value) for key, value in headers]
    dropped = _named_in_connection(lowered)
    if status in WITHOUT_BODY:
        dropped.add(b"content-length")
    kept = [
        (key, value)
        for key, value in lowered
        if (key in RESPONSE_KEPT or key.startswith(RESPONSE_KEPT_PREFIX))
        and key not in dropped
        and not CONTROL.search(value)
    ]
    return [*kept, *RESPONSE_ADDED, (b"x-request-id", request_id.encode())]


def _named_in_connection(headers: RawHeaders) -> set[bytes]:
    return {
        name.strip().lower()
        for key, value in headers
        if key == b"connection"
        for name in value.split(b",")
    }

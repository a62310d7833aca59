"""Which headers of proxies are believed: those that a proxy named by the operator sent.

Anybody can write ``X-Forwarded-For`` or ``SCRIPT_NAME``. A header says something only if the
connection comes from an address in MODELYARD_TRUSTED_PROXIES; all others go before the application
sees them. Of ``X-Forwarded-For`` (RFC 7239, section 5.2 and its predecessor) the last address that
is no such proxy counts: each proxy appends the one it saw, and further left a caller may have
written what they liked.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

#: the two that are read, of a proxy that is trusted
READ = frozenset({"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"})
PREFIX = "HTTP_X_FORWARDED"
#: other ways to say where a request comes from, or where it should have gone
OTHERS = frozenset(
    {
        "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_CLIENT_IP", "HTTP_CLIENT_IP",
        "HTTP_TRUE_CLIENT_IP", "HTTP_CF_CONNECTING_IP", "HTTP_X_CLUSTER_CLIENT_IP",
        "HTTP_SCRIPT_NAME", "HTTP_X_SCRIPT_NAME", "HTTP_PATH_INFO", "HTTP_REMOTE_USER",
        "HTTP_REMOTE_ADDR", "HTTP_X_REMOTE_USER", "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL",
        "HTTP_X_ORIGINAL_HOST", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_URL_SCHEME",
    }
)  # fmt: skip
#: in the environment of a request that had one of them, from any sender
CAME_THROUGH_A_PROXY = "modelyard.forwarded"


class Proxies:
    """The proxies that the operator named, as addresses or networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(one, strict=False) for one in networks]

    def trusts(self, address: str) -> bool:
        """Whether a connection from there is a trusted proxy's."""
        one = _address(address)
        return one is not None and any(
            one.version == network.version and one in network for network in self._networks
        )

    def caller(self, peer: str, forwarded_for: str) -> str:
        """The address of who asks: the peer's, or what trusted proxies say in its place."""
        if not forwarded_for or not self._networks:
            return peer[:45]
        found = peer
        for text in reversed(forwarded_for.split(",")):
            one = _address(text) if self.trusts(found) else None
            if one is None:
                break
            found = str(one)
        return found[:45]


@functools.cache
def named(networks: tuple[str, ...]) -> Proxies:
    """The proxies of a setting."""
    return Proxies(networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, without the port that some proxies write behind it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        one = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    return mapped or one


class Believing:
    """A WSGI application to which no header of a proxy comes that is not to be believed."""

    def __init__(self, application: Callable[..., Any], proxies: Proxies) -> None:
        self._application = application
        self._proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Pass a request on."""
        told = [key for key in environ if key in OTHERS or key.startswith(PREFIX)]
        if told:
            environ[CAME_THROUGH_A_PROXY] = True
            trusted = self._proxies.trusts(str(environ.get("REMOTE_ADDR", "")))
            for key in told:
                if key not in READ or not trusted:
                    del environ[key]
        return self._application(environ, start_response)


def is_forwarding(name: bytes) -> bool:
    """Whether a header, its name in lower case, says where a request comes from, or where it
    should have gone."""
    return name in _NAMES or name.startswith(_START)


_START = b"x-forwarded"
_NAMES = frozenset(
    key.removeprefix("HTTP_").replace("_", "-").lower().encode() for key in (*OTHERS, *READ)
)

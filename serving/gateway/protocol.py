"""What the gateway asks of the platform: who may call what, where it runs, where counts go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

MIB = 2**20


@dataclass(frozen=True)
class Instance:
    """One ready model server. ``weight`` 0 means it gets no new requests."""

    id: str
    socket_path: str
    weight: int = 100
    revision: str = ""


@dataclass(frozen=True)
class Target:
    """An allowed call: where it may go and within which limits.

    ``timeout`` is seconds until the answer begins (vendor: a synchronous prediction has 60 s);
    ``idle_timeout`` is seconds between two pieces of a streamed answer.
    """

    service_id: str
    instances: tuple[Instance, ...]
    timeout: float = 60.0
    idle_timeout: float = 60.0
    max_body: int = 12 * MIB
    max_active: int = 0  # requests at once over all instances; 0 is the gateway's own limit
    headers: Mapping[str, str] = field(default_factory=dict)  # added to the forwarded request
    owner: str = ""  # the account whose program answers
    caller: str = ""  # the account that asks


@dataclass(frozen=True)
class Refusal:
    """A refused call, written to the caller as it is; ``extra`` joins the error body."""

    status: int
    error_code: str
    error_msg: str
    extra: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """What policies may ask about where a request comes from; "" where unknown."""

    address: str = ""
    secure: bool = False  # over TLS
    user_agent: str = ""
    referer: str = ""


class Resolver(Protocol):
    """Answers one question per request, and again while its answer streams; every answer must
    hold the present state of rights."""

    async def authorize(
        self,
        service_id: str,
        authorization: str | None,
        method: str,
        request_id: str,
        caller: Caller,
    ) -> Target | Refusal:
        """Decide on ``method`` of ``service_id`` for the bearer of ``authorization``.

        ``service_id`` is whatever stands in the path and need not exist. ``authorization`` is the
        header's value, not yet parsed. An exception is answered with 500 and nothing is forwarded.
        """
        ...


def is_answer(status: int) -> bool:
    """Whether a model's status is the end of a request. 101 would make a tunnel of every
    connection on the way, and other numbers mean nothing (RFC 9110, section 15)."""
    return 200 <= status <= 599


# Upper bounds in seconds; the last bucket is everything above.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass
class Count:
    """Requests of one service, revision and status within one period."""

    requests: int = 0
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    histogram: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


@dataclass(frozen=True)
class Batch:
    """What happened between two reports. Keys: (service id, revision, status)."""

    started_at: float  # Unix time
    ended_at: float
    counts: Mapping[tuple[str, str, int], Count]


Sink = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True)
class Settings:
    """The gateway's own settings; times in seconds."""

    report_every: float = 10.0
    connect_timeout: float = 2.0
    # Shorter than the model server's 75 s, so that the gateway is the one who closes.
    keepalive: float = 30.0
    # An instance that refused a connection is asked last for this long.
    cooldown: float = 2.0
    max_pools: int = 1_000
    # Proxies in front, which append the address that they saw to X-Forwarded-For.
    trusted_proxies: tuple[str, ...] = ()
    max_counted_services: int = 10_000
    # Requests at once of one service, and of all callers of one account.
    max_active_service: int = 256
    max_active_caller: int = 512
    # While an answer streams, the resolver is asked this often whether it may go on.
    ask_again: float = 15.0

"""Who is asking: one immutable value that every decision, audit row and task carries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

Kind = Literal["anonymous", "user", "system"]
Via = Literal["console", "token", "credential", "command", "platform", "none"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller and the circumstances of the call.

    ``agency_id`` is set when the platform works on behalf of ``user_id``: rights are then those
    of the agency AND those of the user (spec: agencies, evaluation order step 4 and 7).
    ``bound_to`` names the object ("training.trainingjob:<id>") a background credential serves.
    """

    kind: Kind = "anonymous"
    account_id: str | None = None
    account_name: str = ""
    user_id: UUID | None = None
    username: str = ""
    is_root: bool = False
    is_operator: bool = False
    must_change_password: bool = False
    via: Via = "none"
    agency_id: UUID | None = None
    bound_to: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    region: str = ""
    mfa: bool | None = None
    #: over TLS or not; None for work inside the platform, which crosses no network
    secure: bool | None = None
    referer: str = ""
    #: what the caller proved who they are with, as "kind:value"; looked at again before a write
    credential: str = field(default="", repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name for people: ``user@account``, or what kind of caller this is."""
        if self.kind != "user":
            return self.kind
        return f"{self.username}@{self.account_name or self.account_id}"

    @property
    def is_user(self) -> bool:
        return self.kind == "user"

    def with_request(self, **circumstances: object) -> Actor:
        """The same caller in other circumstances (address, request id, region)."""
        return replace(self, **circumstances)  # type: ignore[arg-type]


ANONYMOUS = Actor()


def system(name: str = "platform") -> Actor:
    """The platform itself: reconcilers and sweepers. It observes; it holds no user's rights."""
    return Actor(kind="system", username=name, via="platform")


_current: ContextVar[Actor] = ContextVar("modelyard_actor", default=ANONYMOUS)


def current() -> Actor:
    """The actor of this request, task or command; anonymous where none was entered."""
    return _current.get()


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """Enter an actor's context for the length of a request, a task or a command."""
    token = _current.set(actor)
    try:
        yield actor
    finally:
        _current.reset(token)

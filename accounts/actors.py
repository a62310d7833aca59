"""From a user and the circumstances of a call to the actor that everything else asks about."""

from __future__ import annotations

import ipaddress
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from accounts import messages
from accounts.user.models import User
from core.actor import Actor, Via
from core.errors import NotAuthenticated
from core.proxies import CAME_THROUGH_A_PROXY, named

REGION_SESSION_KEY = "region"


def actor_of(
    user: User,
    *,
    via: Via,
    agency_id: UUID | None = None,
    bound_to: str = "",
    credential: str = "",
    source_ip: str = "",
    user_agent: str = "",
    request_id: str = "",
    region: str = "",
    secure: bool | None = None,
    referer: str = "",
) -> Actor:
    """The actor for ``user``; its account must be loaded or one query away."""
    return Actor(
        kind="user",
        account_id=user.account_id,
        account_name=user.account.name,
        user_id=user.pk,
        username=user.name,
        is_root=user.is_root,
        is_operator=user.account.is_operator,
        must_change_password=user.must_change_password,
        via=via,
        agency_id=agency_id,
        bound_to=bound_to,
        credential=credential,
        source_ip=source_ip,
        user_agent=user_agent[:200],
        request_id=request_id,
        region=region or settings.DEFAULT_REGION,
        secure=secure,
        referer=referer[:200],
    )


def user_id_of(actor: Actor) -> UUID:
    """The user behind an actor. Raises NotAuthenticated where there is none."""
    if actor.user_id is None:
        raise NotAuthenticated(messages.SIGN_IN_FIRST())
    return actor.user_id


def client_ip(request: HttpRequest) -> str:
    """The caller's address: who is connected, or who a trusted proxy says it saw."""
    return named(settings.TRUSTED_PROXIES).caller(
        str(request.META.get("REMOTE_ADDR", "")), request.headers.get("X-Forwarded-For", "")
    )


def is_loopback(request: HttpRequest) -> bool:
    """Does the request come from this machine itself, and through no proxy, trusted or not?"""
    through = request.META.get(CAME_THROUGH_A_PROXY, False)
    if through or "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    return loopback(str(request.META.get("REMOTE_ADDR", "")))


def loopback(address: str) -> bool:
    """Whether the address is one of this machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Circumstances(TypedDict):
    """Where a call comes from."""

    source_ip: str
    user_agent: str
    request_id: str
    region: str
    secure: bool
    referer: str


def circumstances(request: HttpRequest) -> Circumstances:
    """Address, browser, request id, region, transport and referring page of a request, as
    ``actor_of`` takes them."""
    region = request.headers.get("X-Modelyard-Region", "") or getattr(request, "session", {}).get(
        REGION_SESSION_KEY, ""
    )
    return {
        "source_ip": client_ip(request),
        "user_agent": request.headers.get("User-Agent", ""),
        "request_id": getattr(request, "request_id", ""),
        "region": region if region in settings.REGIONS else settings.DEFAULT_REGION,
        "secure": request.is_secure(),
        "referer": request.headers.get("Referer", "")[:200],
    }

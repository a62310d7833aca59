"""The sole writers of agencies, and how the platform works on a user's behalf."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from accounts import facts
from accounts.actors import actor_of
from accounts.agency.models import Agency
from accounts.policy import services as policies
from accounts.user.models import User
from core import access, services
from core.actor import Actor
from core.prepared import PreparedRow


def default_name(username: str) -> str:
    """``modelarts_agency_<user>_<random>``, as the vendor names them (best practices 2.3.1)."""
    return f"modelarts_agency_{username[:30]}_{secrets.token_hex(4)}"


def create(actor: Actor, data: Mapping[str, Any]) -> Agency:
    """An agency of the actor's account, with the policies named in ``data["policies"]`` attached.

    ``data["grantee"]`` is a user of the account or None for all users, present and future.

    Raises:
        AccessDenied: only the main account configures agencies.
        ValidationFailed, QuotaExceeded (50 per account), Conflict, NotFound (a policy).
    """
    grantee = _own_user(actor, data.get("grantee"))
    agency = Agency(
        name=data.get("name") or default_name(grantee.name if grantee else actor.username),
        description=data.get("description", ""),
        tags=data.get("tags", {}),
        duration=data.get("duration") or Agency.Duration.FOREVER,
        days=data.get("days"),
        grantee=grantee,
    )
    agency.expires_at = agency.end_of(timezone.now())
    with access.writing(actor, changes=(actor.account_id,)):
        agency = services.create(actor, agency, after_save=lambda a: facts.bump(a.account_id))
        for policy in data.get("policies") or ():
            policies.attach(actor, policy, agency)
    return agency


def update(
    actor: Actor, agency: Agency, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Agency:
    """Change name, text, user or duration; a new duration counts from now."""
    changes = {
        k: data[k]
        for k in ("name", "description", "tags", "duration", "days", "grantee")
        if k in data
    }
    if "grantee" in changes:
        changes["grantee"] = _own_user(actor, changes["grantee"])
    if "duration" in changes:
        changes.setdefault("days", None)
        changed = Agency(duration=changes["duration"], days=changes["days"])
        changes["expires_at"] = changed.end_of(timezone.now())
    with services.holding(actor, agency):
        agency = services.update(actor, agency, changes, expected_version=expected_version)
        facts.bump(agency.account_id)
    return agency


def delete(actor: Actor, agency: Agency, *, expected_version: int | None = None) -> None:
    """Delete an agency; work that still runs on it loses its authorisation at once."""
    services.delete(
        actor,
        agency,
        expected_version=expected_version,
        before_delete=lambda a: facts.bump(a.account_id),
    )


def revoke(actor: Actor, agency: Agency, _data: Mapping[str, Any]) -> Agency:
    """Verb handler: end the agency now and for good; the row stays for the trail."""
    now = timezone.now()
    Agency.objects.unscoped("revoke").filter(pk=agency.pk, revoked_at=None).update(
        revoked_at=now, version=F("version") + 1, updated_at=now
    )
    facts.bump(agency.account_id)
    agency.refresh_from_db()
    return agency


def agency_for(who: User | Actor) -> Agency | None:
    """The agency that carries background work of a user now: their own before the account's,
    the newest first. None where there is none."""
    user_id = who.pk if isinstance(who, User) else who.user_id
    if who.account_id is None:
        return None
    return _CARRIES.get(
        account_id=who.account_id, user_id=user_id or UUID(int=0), now=timezone.now()
    )


_CARRIES = PreparedRow(
    Agency,
    lambda account_id, user_id, now: (
        Agency.objects.unscoped("agency of a user")
        .filter(Q(grantee=user_id) | Q(grantee=None), account_id=account_id, revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .order_by(F("grantee").asc(nulls_last=True), "-created_at")
    ),
    account_id=Agency._meta.get_field("account").target_field,
    user_id=User._meta.get_field("id"),
    now=Agency._meta.get_field("expires_at"),
)


def on_behalf(user: User, agency: Agency, *, bound_to: str = "", region: str = "") -> Actor:
    """The platform working for ``user`` through ``agency``: rights are those of both."""
    return actor_of(user, via="platform", agency_id=agency.pk, bound_to=bound_to, region=region)


def in_background(actor: Actor, agency: Agency) -> Actor:
    """The platform working for ``actor`` through ``agency`` later on: without the address, browser,
    page and transport of this request."""
    return actor.with_request(
        via="platform", agency_id=agency.pk, source_ip="", user_agent="", referer="", secure=None
    )


def _own_user(actor: Actor, user: User | UUID | None) -> User | None:
    """A user of the actor's account, by row or id; None stays "all users"."""
    if user is None:
        return None
    return services.visible(User, actor, pk=user.pk if isinstance(user, User) else user)

"""Work on behalf of a user: which agency serves him, and credentials for the work's length."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import UUID

from django.db.models import Q

from accounts.agency.models import Agency
from accounts.token import services as tokens
from accounts.user.models import User
from core.actor import Actor
from core.errors import Conflict


def agency_for(actor: Actor) -> Agency | None:
    """The agency that serves ``actor``: one made for him before one made for all users."""
    rows = Agency.objects.unscoped("agency that serves the asking user").filter(
        Q(grantee_id=actor.user_id) | Q(grantee_id=None), account_id=actor.account_id
    )
    live = [agency for agency in rows.order_by("created_at") if agency.state == "active"]
    live.sort(key=lambda agency: agency.grantee_id is None)
    return live[0] if live else None


def on_behalf(actor: Actor, agency: Agency) -> Actor:
    """``actor`` as background work for him will be judged: his rights AND the agency's."""
    return replace(actor, agency_id=agency.pk, via="credential")


def issue(
    *, user_id: UUID | None, agency_id: UUID | None, bound_to: str, lifetime: dt.timedelta
) -> str:
    """A credential for work of ``user_id`` through ``agency_id``.

    Raises:
        Conflict: user or agency is gone, disabled or over: code AUTHORISATION_LOST.
    """
    user = User.objects.unscoped("owner of background work").filter(pk=user_id).first()
    agency = Agency.objects.unscoped("agency of background work").filter(pk=agency_id).first()
    if user is None or not user.is_active:
        raise Conflict(
            "Authorisation lost: the user who started this is gone or disabled.",
            code="AUTHORISATION_LOST",
            hint="Somebody else can rerun it.",
        )
    if agency is None:
        raise Conflict(
            "Authorisation lost: the agency was deleted.",
            code="AUTHORISATION_LOST",
            hint="The main account can make a new agency; then rerun.",
        )
    return tokens.issue_credential(user, agency, bound_to, lifetime)


revoke = tokens.revoke_credentials

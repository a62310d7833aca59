"""What other rooms may call. Everything else in this room is its own business."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from accounts import messages
from accounts.account.services import project_id
from accounts.actors import actor_of
from accounts.agency.models import Agency
from accounts.agency.services import agency_for, in_background, on_behalf
from accounts.facts import remembered
from accounts.session.services import end_everybody as end_all_sessions
from accounts.token.services import (
    authenticate_bearer,
    issue_credential,
    revoke_all_credentials,
    revoke_credential,
    revoke_credentials,
)
from accounts.user.models import User
from core.errors import Conflict, NotFound

__all__ = [
    "actor_of",
    "agency_for",
    "agency_of",
    "authenticate_bearer",
    "end_all_sessions",
    "in_background",
    "issue_credential",
    "issue_for",
    "on_behalf",
    "project_id",
    "remembered",
    "revoke_all_credentials",
    "revoke_credential",
    "revoke_credentials",
    "user_of",
]


def user_of(user_id: UUID) -> User:
    """The user behind an id a room has stored, with its account. Raises NotFound when gone."""
    rows = User.objects.unscoped("stored user id").select_related("account")
    found = rows.filter(pk=user_id).first()
    if found is None:
        raise NotFound()
    return found  # type: ignore[no-any-return]


def agency_of(agency_id: UUID) -> Agency | None:
    """The agency behind a stored id, whatever its state; None when it was deleted."""
    found = Agency.objects.unscoped("stored agency id").filter(pk=agency_id).first()
    return found if isinstance(found, Agency) else None


def issue_for(
    *, user_id: UUID | None, agency_id: UUID | None, bound_to: str, lifetime: dt.timedelta
) -> str:
    """A background credential for stored ids: what a job or a service keeps is no more than those.

    Raises:
        Conflict: user or agency is gone, disabled or over; code AUTHORISATION_LOST.
    """
    user = User.objects.unscoped("owner of background work").filter(pk=user_id).first()
    if user is None or not user.is_active:
        raise Conflict(messages.STARTER_GONE())
    agency = agency_of(agency_id) if agency_id is not None else None
    if agency is None:
        raise Conflict(messages.AGENCY_DELETED())
    return issue_credential(user, agency, bound_to, lifetime)

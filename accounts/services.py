"""What other rooms may call. Everything else in this room is its own business."""

from __future__ import annotations

from uuid import UUID

from accounts.account.services import project_id
from accounts.actors import actor_of
from accounts.agency.models import Agency
from accounts.agency.services import agency_for, on_behalf, preflight
from accounts.facts import remembered
from accounts.token.services import authenticate_bearer, issue_credential, revoke_credentials
from accounts.user.models import User
from core.errors import NotFound

__all__ = [
    "actor_of",
    "agency_for",
    "agency_of",
    "authenticate_bearer",
    "issue_credential",
    "on_behalf",
    "preflight",
    "project_id",
    "remembered",
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

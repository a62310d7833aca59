"""Invitations that nobody answered in time, moved to EXPIRED by whoever looks first."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from core import actor as actors
from core import states
from core.errors import StaleState
from sharing.invitation.models import Invitation
from sharing.unit.models import Association, ShareUnit, UnitPrincipal


def lapse(**lookup: Any) -> int:
    """Expire what has run out among the pending invitations that ``lookup`` names.

    One indexed question and no write in the common case that nothing has run out.
    """
    late = Invitation.objects.unscoped("expiry is looked at on read").filter(
        phase=Invitation.Phase.PENDING, expires_at__lte=timezone.now(), **lookup
    )
    return sum(expire(invitation) for invitation in late)


def expire(invitation: Invitation) -> bool:
    """PENDING -> EXPIRED and the principal with it. False when somebody answered meanwhile."""
    with transaction.atomic():
        # the unit's row is locked first everywhere in this room, so nobody waits in a circle
        ShareUnit.objects.unscoped("lock").select_for_update().get(pk=invitation.unit_id)
        try:
            states.transition(
                invitation,
                Invitation.Phase.EXPIRED,
                actor=actors.system("platform"),
                reason="NO_ANSWER",
                message="Nobody answered within 7 days. The owner may invite again.",
            )
        except StaleState:
            return False
        UnitPrincipal.objects.filter(
            invitation=invitation, state=Association.State.ASSOCIATING
        ).update(
            state=Association.State.DISASSOCIATED,
            status_message="Nobody answered within 7 days.",
            changed_at=timezone.now(),
        )
    return True

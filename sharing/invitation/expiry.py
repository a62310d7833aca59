"""Invitations that were not answered in time, moved to EXPIRED by the first reader."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from core import actor as actors
from core import reconcile, states
from core.errors import StaleState
from sharing import messages
from sharing.invitation.models import Invitation
from sharing.unit.models import UnitPrincipal


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
        try:
            states.transition(
                invitation,
                Invitation.Phase.EXPIRED,
                actor=actors.system("platform"),
                reason="NO_ANSWER",
                message=messages.NO_ANSWER(),
            )
        except StaleState:
            return False
        UnitPrincipal.objects.filter(
            invitation=invitation, state=UnitPrincipal.State.ASSOCIATING
        ).update(
            state=UnitPrincipal.State.DISASSOCIATED,
            status_message=messages.NO_ANSWER_SHORT(),
            said=messages.NO_ANSWER_SHORT().data(),
            changed_at=timezone.now(),
        )
    return True


@reconcile.reconciler(Invitation)
def look(invitation: Invitation) -> float | None:
    """Expire it when its time has come, else come back then."""
    left = (invitation.expires_at - timezone.now()).total_seconds()
    if left > 0:
        return left
    expire(invitation)
    return None

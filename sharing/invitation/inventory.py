"""What the page names before an account is blocked."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from core.actor import Actor
from core.registry import InventoryGroup
from sharing.invitation.models import Invitation

SHOWN = 20


def blocked(actor: Actor, invitation: Invitation) -> list[InventoryGroup]:
    """The account, and its open invitations that this rejects (the newest 20)."""
    owner = invitation.owner_account
    open_ones = Invitation.objects.for_action(actor, "list").filter(
        account_id=actor.account_id, owner_account_id=owner.pk, phase=Invitation.Phase.PENDING
    )[:SHOWN]
    waiting = tuple(
        (str(row), reverse("share-invitations:detail", args=[row.pk])) for row in open_ones
    )
    groups = [InventoryGroup(_("This account is blocked"), ((f"{owner} ({owner.pk})", ""),))]
    if waiting:
        groups.append(InventoryGroup(_("These invitations are rejected"), waiting))
    return groups

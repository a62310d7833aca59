"""What this room adds to the console's frame: who is waiting for an answer."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import access, registry
from core.actor import Actor
from core.shell import Banner
from sharing.invitation.models import Invitation
from sharing.unit.models import UnitResource

LIST = "resource_share:invitation:list"
SLUG = "share-invitations"


def _waiting(actor: Actor) -> Any:
    """Open invitations of the actor's account; an empty query set where they may not list them."""
    rows = Invitation.objects.unscoped("count of the account's open invitations")
    if not actor.is_user or not access.decide(actor, LIST).allowed:
        return rows.none()
    return rows.filter(
        account_id=actor.account_id,
        phase=Invitation.Phase.PENDING,
        expires_at__gt=timezone.now(),
    )


def badges(actor: Actor) -> dict[str, int]:
    """Number beside the menu entry "Shared with me"."""
    return {SLUG: _waiting(actor).count()}


def banners(actor: Actor, slug: str) -> list[Banner]:
    """On the dashboard, and on lists of shareable types that an invitation would add to."""
    rows = _waiting(actor)
    if slug:
        try:
            spec = registry.spec_by_slug(slug)
        except KeyError:
            return []
        if not spec.shareable:
            return []
        rows = rows.filter(
            unit_id__in=UnitResource.objects.filter(
                resource_type=spec.type_label, state__in=UnitResource.LIVE
            ).values("unit_id")
        )
    waiting = rows.count()
    if not waiting:
        return []
    text = ngettext(
        "%(n)d share invitation waits for an answer.",
        "%(n)d share invitations wait for an answer.",
        waiting,
    ) % {"n": waiting}
    return [Banner(text, reverse(f"{SLUG}:list"), _("Handle now"), level="info")]

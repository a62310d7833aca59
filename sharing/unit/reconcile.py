"""Finishes units that were left half deleted."""

from __future__ import annotations

from core import actor as actors
from core import reconcile, states
from sharing.unit import services
from sharing.unit.models import ShareUnit


@reconcile.reconciler(ShareUnit)
def look(unit: ShareUnit) -> float | None:
    """DELETING -> DELETED. Deleting is one transaction, so this only meets what an operator moved
    by hand; an active unit needs none."""
    if unit.phase == ShareUnit.Phase.DELETING:
        platform = actors.system("platform")
        services.clear(platform, unit)
        states.transition(unit, ShareUnit.Phase.DELETED, actor=platform)
    return None

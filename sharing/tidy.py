"""What ends when a shared object is deleted."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from core import actor as actors
from core import registry
from sharing.trail import tell
from sharing.unit.models import UnitPrincipal, UnitResource


def forget_object(sender: Any, instance: Any, **kwargs: Any) -> None:
    """A shareable row was deleted: its grants went by foreign key, its associations end here."""
    if not registry.has_spec(sender) or not registry.spec_of(sender).shareable:
        return
    rows = UnitResource.objects.filter(
        resource_type=sender._meta.label_lower,
        resource_id=instance.pk,
        state__in=UnitResource.LIVE,
    )
    _tell(list(rows.select_related("unit")))
    rows.update(
        state=UnitResource.State.DISASSOCIATED,
        status_message="Deleted by its owner.",
        changed_at=timezone.now(),
    )


def _tell(rows: list[UnitResource]) -> None:
    """The consumers whose window has run out; while one is open nothing is deleted
    (``sharing.queries.require_unshared``)."""
    for row in rows:
        for principal in row.unit.principals.filter(state=UnitPrincipal.State.ASSOCIATED):
            tell(
                actors.system("platform"),
                principal.account_id,
                event="disassociateResourceShare",
                action="resource_share:unit:update",
                target=row.unit,
                message=f"“{row.resource_name}” was deleted by its owner.",
                after={"resources": [row.resource_name]},
            )

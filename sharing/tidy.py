"""What ends when a shared object is deleted."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from core import actor as actors
from core import registry
from sharing import messages
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
        status_message=messages.DELETED_BY_OWNER(),
        said=messages.DELETED_BY_OWNER().data(),
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
                message=messages.WAS_DELETED(name=row.resource_name),
                after={"resources": [row.resource_name]},
            )

"""What other rooms may ask and must ask: is this shared, with whom, may it go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core import references, registry
from core.codes import joined
from core.errors import Conflict
from core.models import Resource
from core.registry import InventoryGroup
from sharing import messages
from sharing.unit.models import ShareUnit, UnitPermission, UnitPrincipal, UnitResource

ACCEPTED = UnitPrincipal.State.ASSOCIATED


@dataclass(frozen=True, slots=True)
class Consumer:
    """One account that uses, or is asked to use, an object through one unit."""

    account_id: str
    unit_id: str
    unit_name: str
    state: str  # ASSOCIATING (has not answered) or ASSOCIATED
    permission: str

    def __str__(self) -> str:
        return f"{self.account_id} (share unit “{self.unit_name}”)"


def consumers_of(obj: Resource) -> list[Consumer]:
    """Everybody outside the owner's account who can reach ``obj`` or was invited to; three
    queries whatever the number. For the owner's eyes."""
    kind = obj._meta.label_lower
    units = {
        row.pk: row
        for row in ShareUnit.objects.unscoped("consumers of one's own object").filter(
            pk__in=_live(obj).values("unit_id"), phase=ShareUnit.Phase.ACTIVE
        )
        if not row.is_over
    }
    principals = UnitPrincipal.objects.filter(unit_id__in=units, state__in=UnitPrincipal.LIVE)
    rows = UnitPermission.objects.filter(unit_id__in=units, resource_type=kind)
    chosen = dict(rows.values_list("unit_id", "permission"))
    return [
        Consumer(
            row.account_id,
            str(row.unit_id),
            units[row.unit_id].name,
            row.state,
            chosen.get(row.unit_id, ""),
        )
        for row in principals.order_by("account_id", "unit_id")
    ]


def require_unshared(obj: Resource) -> None:
    """Asked before every delete. Raises Conflict naming the units and accounts."""
    shareable = registry.has_spec(obj) and registry.spec_of(obj).shareable
    consumers = consumers_of(obj) if shareable else []
    if not consumers:
        return
    units = sorted({c.unit_name for c in consumers})
    accounts = sorted({c.account_id for c in consumers})
    needed = references.needed_elsewhere(obj)
    shared = messages.SHARED(
        label=registry.spec_of(obj).label,
        obj=obj,
        accounts=", ".join(accounts),
        units=", ".join(f"“{name}”" for name in units),
    )
    raise Conflict(
        joined([shared, *needed]) if needed else shared,
        code=shared.code,
        hint=shared.next,
        extra={"share_units": sorted({c.unit_id for c in consumers}), "accounts": accounts},
    )


def inventory(obj: Resource, severity: str = "danger") -> list[InventoryGroup]:
    """For the page that asks before a delete: who it is shared with, which stands in its way."""
    consumers = tuple((str(one), "") for one in consumers_of(obj))
    return [InventoryGroup(_("Is shared with"), consumers, severity)] if consumers else []


def _live(obj: Resource) -> Any:
    return UnitResource.objects.filter(
        resource_type=obj._meta.label_lower, resource_id=obj.pk, state__in=UnitResource.LIVE
    )

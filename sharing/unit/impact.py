"""Who loses what when a unit, or a part of it, goes: told before it happens (blast radius)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import references, registry
from core.actor import Actor
from core.registry import InventoryGroup
from sharing import grants
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource

State = UnitPrincipal.State


@dataclass(slots=True)
class Loss:
    """What one account would lose. ``rights``: (type, object id, action); another live unit that
    gives the same right takes it off this list. ``uses``: running things that need it; their names
    are for the account they belong to, the owner of the share is told kinds and numbers."""

    account_id: str
    waiting: bool  # invited, has not answered
    rights: list[tuple[str, str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)


def losses(
    unit: ShareUnit,
    *,
    resource_ids: Iterable[Any] | None = None,
    account_ids: Iterable[str] | None = None,
    viewer: str = "",
) -> list[Loss]:
    """Per account, what goes with the unit; or only with some of its objects or accounts.

    ``viewer`` is the account that may read names of what it runs, "" for the owner of the unit.
    """
    rows = unit.principals.filter(state__in=UnitPrincipal.LIVE).order_by("account_id")
    if account_ids is not None:
        rows = rows.filter(account_id__in=list(account_ids))
    things = list(unit.resources.filter(state__in=UnitResource.LIVE))
    if resource_ids is not None:
        wanted = {str(pk) for pk in resource_ids}
        things = [thing for thing in things if str(thing.resource_id) in wanted]
    found = {
        row.account_id: Loss(row.account_id, waiting=row.state == State.ASSOCIATING) for row in rows
    }
    for kind in sorted({thing.resource_type for thing in things}):
        _rights(unit, kind, [t for t in things if t.resource_type == kind], found, viewer)
    return list(found.values())


def _rights(
    unit: ShareUnit, kind: str, things: list[UnitResource], found: dict[str, Loss], viewer: str
) -> None:
    spec = registry.spec_by_type(kind)
    table = grants.grant_model(spec)
    names = {thing.resource_id: thing.resource_name for thing in things}
    actions = {pk: action for action, pk in grants.permission_ids(spec).items()}
    same = table.objects.filter(
        grants.in_force(),
        group=OuterRef("group"),
        permission=OuterRef("permission"),
        content_object=OuterRef("content_object"),
    ).exclude(unit_id=unit.pk)
    rows = (
        table.objects.filter(grants.in_force(), unit_id=unit.pk, content_object__in=list(names))
        .filter(~Exists(same))
        .values_list("group__name", "content_object_id", "permission_id")
    )
    lost: dict[str, set[Any]] = {}
    for group, pk, permission in rows:
        loss = found.get(group.removeprefix("account:"))
        if loss is not None:
            loss.rights.append((kind, str(pk), actions[permission]))
            lost.setdefault(loss.account_id, set()).add(pk)
    for account_id, pks in lost.items():
        found[account_id].names += sorted(names[pk] for pk in pks)
    gone = {pk for pks in lost.values() for pk in pks}
    objects = spec.model.objects.unscoped("what uses one's own shared objects").filter(pk__in=gone)
    numbers: Counter[tuple[str, str]] = Counter()
    own: set[references.Key] = set()
    for obj in objects:
        concerned = [pk for pk, lost_here in lost.items() if obj.pk in lost_here]
        rows = references.blocking(obj).filter(account_id__in=concerned)
        users = set(rows.values_list("account_id", "from_type", "from_id"))
        numbers.update((account, what) for account, what, _pk in users if account != viewer)
        own |= {(what, pk) for account, what, pk in users if account == viewer}
    if own:
        found[viewer].uses += references.names(own)
    for (account_id, what), number in sorted(numbers.items()):
        label = str(registry.spec_by_type(what).label).lower()
        found[account_id].uses.append(f"{label} × {number}")


def groups_of(found: Iterable[Loss]) -> list[InventoryGroup]:
    """The losses as the confirm page shows them."""
    found = list(found)
    groups = []
    for loss in found:
        if loss.waiting:
            continue
        items = [(name, "") for name in loss.names]
        items += [(_("in use: %(what)s") % {"what": text}, "") for text in loss.uses]
        if not items:
            items = [(_("nothing: other share units give the same rights"), "")]
        groups.append(
            InventoryGroup(
                _("Account %(id)s loses at its next request") % {"id": loss.account_id},
                tuple(items),
            )
        )
    waiting = [(loss.account_id, "") for loss in found if loss.waiting]
    if waiting:
        label = ngettext(
            "%(n)d open invitation is cancelled", "%(n)d open invitations are cancelled",
            len(waiting),
        ) % {"n": len(waiting)}  # fmt: skip
        groups.append(InventoryGroup(label, tuple(waiting), severity="info"))
    return groups


def inventory(actor: Actor, unit: ShareUnit) -> list[InventoryGroup]:
    """What deleting the unit breaks."""
    return groups_of(losses(unit))


def leave_inventory(actor: Actor, invitation: Any) -> list[InventoryGroup]:
    """What leaving breaks on the consumer's own side."""
    unit = ShareUnit.objects.unscoped("the consumer's own losses").get(pk=invitation.unit_id)
    found = losses(unit, account_ids=[invitation.account_id], viewer=invitation.account_id)
    return [
        InventoryGroup(_("Your account loses at its next request"), group.items)
        for group in groups_of(found)
    ]

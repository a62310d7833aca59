"""The sole writers of share units."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from core import access, audit, services, states
from core.actor import Actor
from core.errors import Problem, StaleState, ValidationFailed
from core.models import Resource
from sharing import grants, messages
from sharing.invitation.expiry import lapse
from sharing.invitation.models import Invitation
from sharing.unit import guesses, members, plan
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource

Phase = ShareUnit.Phase
COLUMNS = ("name", "description", "tags", "valid_until")


def create(actor: Actor, data: Mapping[str, Any]) -> ShareUnit:
    """Make a unit and invite its principals, all or nothing.

    ``data``: name, description, tags, valid_until, resources [{"type", "id"}],
    permissions {type: name}, principals [account ids].

    Raises:
        AccessDenied, ValidationFailed (everything wrong at once), QuotaExceeded.
    """
    region = data.get("region") or actor.region
    accounts = [str(text) for text in data.get("principals", ())]
    _ask(actor, "resource_share:unit:create", access.Target(actor.account_id), accounts)
    if not data.get("resources"):
        raise ValidationFailed.of("resources", messages.NOTHING_TO_SHARE())
    if region not in settings.REGIONS:
        raise ValidationFailed.of("region", messages.REGION(regions=", ".join(settings.REGIONS)))
    unit = ShareUnit(region=region, **{k: data[k] for k in COLUMNS if k in data})
    states.start(unit, Phase.ACTIVE)
    unit.next_look_at = None  # nothing goes on in an active unit, so it needs no look
    known = guesses.reachable(actor, guesses.wanted(accounts))
    with access.writing(actor, of=known, changes=(actor.account_id,)):
        _ask(actor, "resource_share:unit:create", access.Target(actor.account_id), accounts)
        wanted = plan.read(
            actor,
            region,
            resources=data["resources"],
            permissions=data.get("permissions"),
            principals=accounts,
        )
        return services.create(
            actor, unit, after_save=lambda saved: members.add(actor, saved, wanted)
        )


def update(
    actor: Actor,
    unit: ShareUnit,
    data: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> ShareUnit:
    """Change columns, then remove, then add; one transaction.

    ``data``: any of name, description, tags, valid_until, add_resources, remove_resources,
    permissions (for types that are new in the unit), add_principals, remove_principals.

    Raises:
        AccessDenied, ValidationFailed, PreconditionFailed, Conflict (the unit is no longer active).
    """
    accounts = [str(text) for text in data.get("add_principals", ())]
    _ask(actor, members.UPDATE, unit, accounts)
    _must_be_active(unit)
    lapse(unit_id=unit.pk)
    leaving = [str(text) for text in data.get("remove_principals", ())]
    known = guesses.reachable(actor, guesses.wanted(accounts))
    with access.writing(actor, of=known, changes=(unit.account_id,)):
        _ask(actor, members.UPDATE, unit, accounts)
        wanted = plan.read(
            actor,
            unit.region,
            resources=data.get("add_resources", ()),
            permissions=data.get("permissions"),
            principals=accounts,
            unit=unit,
        )
        locked = _lock_invitations(unit, leaving)
        columns = {k: data[k] for k in COLUMNS if k in data}
        fresh = services.update(actor, unit, columns, expected_version=expected_version)
        _must_be_active(fresh)
        _nothing_new(unit, locked, leaving)
        if "valid_until" in columns:
            grants.move_window(fresh)
        gone = _resource_rows(fresh, data.get("remove_resources", ()))
        members.remove_resources(actor, fresh, gone)
        out = _principal_rows(fresh, leaving)
        members.remove_principals(
            actor, fresh, out, messages.REMOVED_ACCOUNT(account=fresh.account_id)
        )
        members.add(actor, fresh, wanted)
        _note(actor, fresh, wanted, gone, out)
    return fresh


def delete(actor: Actor, obj: ShareUnit, *, expected_version: int | None = None) -> None:
    """End the unit: invitations are cancelled and grants gone when this returns; the row stays as
    a tombstone. What was shared stays with its owner.

    Raises:
        AccessDenied, PreconditionFailed, Conflict (not active any more).
    """
    lapse(unit_id=obj.pk)
    with services.holding(actor, obj):
        locked = _lock_invitations(obj)
        unit = services.lock(obj)
        decision = access.authorize(actor, "resource_share:unit:delete", unit)
        services.check_version(unit, expected_version)
        _must_be_active(unit)
        _nothing_new(unit, locked)
        before = audit.snapshot(unit)
        states.transition(unit, Phase.DELETING, actor=actor, desired="deleted")
        clear(actor, unit)
        states.transition(unit, Phase.DELETED, actor=actor)
        audit.record(
            actor,
            event="deleteResourceShare",
            action="resource_share:unit:delete",
            target=unit,
            decision_id=decision.id,
            before=before,
        )


def clear(actor: Actor, unit: ShareUnit) -> None:
    """Take everybody and everything out of a unit that ends. Safe to run twice."""
    why = messages.UNIT_DELETED(account=unit.account_id, unit=unit)
    live = unit.principals.filter(state__in=UnitPrincipal.LIVE).order_by("account_id")
    members.remove_principals(actor, unit, live, why)
    things = UnitResource.State
    unit.resources.filter(state__in=UnitResource.LIVE).update(state=things.DISASSOCIATED)
    grants.take(unit)


def revoke(actor: Actor, obj: Resource) -> int:
    """Take one own object out of every live unit, e.g. before it is deleted. Returns how many.

    Raises:
        AccessDenied: the caller may not change one of the units.
    """
    rows = UnitResource.objects.filter(
        resource_type=obj._meta.label_lower,
        resource_id=obj.pk,
        state__in=UnitResource.LIVE,
        unit__phase=Phase.ACTIVE,
    )
    units = ShareUnit.objects.unscoped("units of one's own object").filter(
        pk__in=rows.values("unit_id"), account_id=actor.account_id
    )
    item = {"type": obj._meta.label_lower, "id": str(obj.pk)}
    with access.writing(actor, changes=(actor.account_id,)):
        found = list(units.order_by("pk"))
        for unit in found:
            update(actor, unit, {"remove_resources": [item]})
    return len(found)


def _ask(actor: Actor, action: str, target: Any, accounts: Iterable[str]) -> None:
    """Once per account, for policies that name whom one may share with. The unit itself is asked
    about by the kernel."""
    for account_id in accounts:
        access.authorize(actor, action, target, {"ram:PrincipalAccountId": account_id})


def _must_be_active(unit: ShareUnit) -> None:
    if unit.phase != Phase.ACTIVE:
        raise states.conflict(
            unit, messages.UNIT_NOT_ACTIVE(unit=unit, phase=states.phase_word(unit))
        )


def _answerable(unit: ShareUnit, accounts: Iterable[str] | None) -> QuerySet[Any]:
    """Invitations that the consumer may still move: open ones, and accepted ones they may leave.
    ``accounts`` None = of everybody."""
    rows = Invitation.objects.unscoped("the owner takes their own invitations back").filter(
        Q(phase=Invitation.Phase.PENDING) | Q(phase=Invitation.Phase.ACCEPTED, secondary=""),
        unit_id=unit.pk,
    )
    return rows if accounts is None else rows.filter(account_id__in=list(accounts))


def _lock_invitations(unit: ShareUnit, accounts: Iterable[str] | None = None) -> set[uuid.UUID]:
    """Lock them before the unit: an answer or a departure locks in the same order, so neither
    waits in a circle."""
    rows = _answerable(unit, accounts).order_by("pk").select_for_update()
    return set(rows.values_list("pk", flat=True))


def _nothing_new(
    unit: ShareUnit, locked: set[uuid.UUID], accounts: Iterable[str] | None = None
) -> None:
    """Raise StaleState when an invitation appeared between the two locks: it is not locked."""
    if set(_answerable(unit, accounts).values_list("pk", flat=True)) - locked:
        raise StaleState(messages.INVITED_MEANWHILE(unit=unit))


def _resource_rows(unit: ShareUnit, given: Iterable[Mapping[str, Any]]) -> list[UnitResource]:
    given = list(given)
    live = unit.resources.filter(state__in=UnitResource.LIVE) if given else ()
    there = {(row.resource_type, row.resource_id): row for row in live}
    found: dict[Any, UnitResource] = {}
    for item in given:
        key = plan.object_key(item)
        row = there.get((key[0].type_label, key[1])) if key else None
        if row is None:
            raise ValidationFailed.of(
                "remove_resources", messages.NOT_IN_UNIT(id=item.get("id", ""))
            )
        found[row.pk] = row
    return list(found.values())


def _principal_rows(unit: ShareUnit, given: Iterable[str]) -> list[UnitPrincipal]:
    wanted = set(given)
    rows = list(
        unit.principals.filter(account_id__in=wanted, state__in=UnitPrincipal.LIVE).order_by(
            "account_id"
        )
    )
    strangers = sorted(wanted - {row.account_id for row in rows})
    if strangers:
        problems = [
            Problem("remove_principals", messages.ACCOUNT_NOT_IN_UNIT(text=text))
            for text in strangers
        ]
        raise ValidationFailed(problems[0].text, problems=problems)
    return rows


def _note(
    actor: Actor,
    unit: ShareUnit,
    wanted: plan.Plan,
    gone: list[UnitResource],
    out: list[UnitPrincipal],
) -> None:
    """The owner's own trail: who and what came and went."""
    for event, things, accounts in (
        ("associateResourceShare", [str(o) for o in wanted.resources], wanted.principals),
        (
            "disassociateResourceShare",
            [row.resource_name for row in gone],
            [row.account_id for row in out],
        ),
    ):
        if things or accounts:
            audit.record(
                actor,
                event=event,
                action=members.UPDATE,
                target=unit,
                after={"resources": things, "principals": accounts},
            )

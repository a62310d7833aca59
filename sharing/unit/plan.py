"""What a caller wants to put into a unit, read and checked before anything is written."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core import access, regions, registry
from core.actor import Actor
from core.errors import Problem, ValidationFailed
from core.models import Resource
from sharing import grants, messages
from sharing.permission import catalog
from sharing.permission.catalog import SharePermission
from sharing.unit import guards, guesses
from sharing.unit.models import ShareUnit, UnitPermission, UnitResource

ACCOUNT_ID = re.compile(r"[0-9]{10}", re.ASCII)
MAX_RESOURCES = 100  # per unit
GONE = frozenset({"DELETING", "DELETED"})  # phases of things that can no longer be given


@dataclass(slots=True)
class Plan:
    """Own rows, one permission per type among them, and accounts that exist."""

    resources: list[Resource] = field(default_factory=list)
    permissions: dict[str, SharePermission] = field(default_factory=dict)
    principals: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def check(self) -> Plan:
        """Itself, or ValidationFailed with everything that is wrong."""
        if self.problems:
            raise ValidationFailed(self.problems[0].text, problems=self.problems)
        return self


def read(
    actor: Actor,
    region: str,
    *,
    resources: Iterable[Mapping[str, Any]] = (),
    permissions: Mapping[str, str] | None = None,
    principals: Iterable[str] = (),
    unit: ShareUnit | None = None,
) -> Plan:
    """Turn input into a plan; ``unit`` is the one that grows, None for a new one.

    Raises:
        AccessDenied: an object belongs to somebody else, or the caller does not hold a
        right that the permission would give.
        ValidationFailed: everything else that is wrong, all at once.
    """
    plan = Plan()
    things = _resources(actor, region, resources, plan)
    _ask(actor, unit, things=things)
    _permissions(permissions or {}, unit, plan)
    _principals(actor, principals, plan)
    plan.check()
    rights = [
        (action, obj)
        for obj in plan.resources
        for action in catalog.actions(plan.permissions[registry.spec_of(obj).type_label])
    ]
    _ask(actor, unit, rights=rights)
    return plan


def _ask(actor: Actor, unit: ShareUnit | None, **change: Any) -> None:
    """Ask about what the unit would hold and give (``sharing.unit.guards``)."""
    if unit is None:
        access.authorize(actor, guards.CREATE, access.Target(actor.account_id, change=change))
    else:
        access.authorize(actor, guards.UPDATE, access.about(actor, unit, change=change))


def spec_of_type(text: str) -> registry.Declaration | None:
    """The shareable type called ``registry.model`` or ``models``; None when there is none."""
    for spec in grants.shareable_specs():
        if text in (spec.type_label, spec.slug):
            return spec
    return None


def type_names() -> str:
    return ", ".join(f"“{spec.type_label}”" for spec in grants.shareable_specs()) or "none"


def object_key(item: Mapping[str, Any]) -> tuple[registry.Declaration, uuid.UUID] | None:
    """(type, id) of ``{"type", "id"}``, or None where either is malformed."""
    spec = spec_of_type(str(item.get("type", "")))
    try:
        return (spec, uuid.UUID(str(item.get("id", "")))) if spec else None
    except ValueError:
        return None


def _resources(
    actor: Actor, region: str, given: Iterable[Mapping[str, Any]], plan: Plan
) -> list[Resource]:
    """What of the objects named the caller sees, own and shared; own ones go into the plan."""
    given = list(given)
    if len(given) > MAX_RESOURCES:
        plan.problems.append(_too_many_resources())
        return []
    there = _objects(actor, given)
    seen: set[uuid.UUID] = set()
    for item in given:
        spec = spec_of_type(str(item.get("type", "")))
        if spec is None:
            plan.problems.append(
                Problem(
                    "resources",
                    messages.TYPE_UNKNOWN(type=item.get("type", ""), types=type_names()),
                )
            )
            continue
        key = object_key(item)
        obj = there.get((spec.type_label, key[1])) if key else None
        if obj is None:
            plan.problems.append(
                Problem(
                    "resources",
                    messages.NO_SUCH_OBJECT(label=spec.label, id=item.get("id", "")),
                )
            )
        elif obj.account_id == actor.account_id and obj.pk not in seen:
            seen.add(obj.pk)
            _shareable(spec, obj, region, plan)
    return list(there.values())


def _too_many_resources() -> Problem:
    return Problem("resources", messages.MOST_RESOURCES(most=MAX_RESOURCES))


def _objects(
    actor: Actor, given: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, uuid.UUID], Resource]:
    """What the caller sees of the objects named, by type and id: one query per type."""
    keys: dict[registry.Declaration, set[uuid.UUID]] = {}
    for item in given:
        if key := object_key(item):
            keys.setdefault(key[0], set()).add(key[1])
    return {
        (spec.type_label, row.pk): row
        for spec, ids in keys.items()
        for row in spec.model.objects.for_action(actor, spec.model.READ_VERB).filter(pk__in=ids)
    }


def _shareable(spec: registry.Declaration, obj: Resource, region: str, plan: Plan) -> None:
    problem = regions.mismatch(obj, region, ShareUnit, field="resources")
    if problem is not None:
        plan.problems.append(problem)
    elif getattr(obj, "phase", "") in GONE:
        plan.problems.append(Problem("resources", messages.GONE(label=spec.label, obj=obj)))
    else:
        plan.resources.append(obj)


def _permissions(given: Mapping[str, str], unit: ShareUnit | None, plan: Plan) -> None:
    """One permission per type: the one that the unit has, or had when its last resource of the
    type went, else the one asked for, else the type's default. Another one may be asked for only
    while nothing of the type is in the unit. Everything that is asked for has an answer."""
    bound = {row.resource_type: row for row in unit.permissions.all()} if unit else {}
    used = set(_used_types(unit))
    chosen = {}
    for text, name in given.items():
        spec = spec_of_type(text)
        if spec is None:
            plan.problems.append(Problem("permissions", messages.TYPE_NOT_SHARED(text=text)))
        elif name:
            chosen[spec.type_label] = name
    added = dict.fromkeys(registry.spec_of(obj).type_label for obj in plan.resources)
    for kind in {**added, **dict.fromkeys(chosen)}:
        row, asked = bound.get(kind), chosen.get(kind)
        try:
            wanted = _permission(kind, row, asked)
        except KeyError:
            offered = ", ".join(one.name for one in catalog.latest(kind)) or "none"
            plan.problems.append(
                Problem(
                    "permissions",
                    messages.PERMISSION_UNKNOWN(asked=asked or "", kind=kind, offered=offered),
                )
            )
            continue
        if kind in used and row is not None and wanted.name != row.permission:
            plan.problems.append(
                Problem(
                    "permissions", messages.PERMISSION_BOUND(permission=row.permission, kind=kind)
                )
            )
        elif kind not in added and kind not in used:
            plan.problems.append(Problem("permissions", messages.PERMISSION_UNUSED(kind=kind)))
        elif kind in added:
            plan.permissions[kind] = wanted


def _permission(kind: str, row: UnitPermission | None, asked: str | None) -> SharePermission:
    """Raises KeyError."""
    if row is not None and asked in (None, row.permission):
        return catalog.find(kind, row.permission, row.permission_version)
    return catalog.find(kind, asked) if asked is not None else catalog.default_of(kind)


def _used_types(unit: ShareUnit | None) -> Iterable[str]:
    if unit is None:
        return ()
    live = unit.resources.filter(state__in=UnitResource.LIVE)
    return live.values_list("resource_type", flat=True)


def _principals(actor: Actor, given: Iterable[str], plan: Plan) -> None:
    wanted = guesses.wanted(given)
    there = guesses.reachable(actor, [w for w in wanted if ACCOUNT_ID.fullmatch(w)])
    for text in wanted:
        if text == actor.account_id:
            plan.problems.append(Problem("principals", messages.OWN_ACCOUNT()))
        elif text not in there:
            # the same words for malformed, unknown, suspended, blocking: this is no directory
            plan.problems.append(Problem("principals", messages.ACCOUNT_UNKNOWN(text=text)))
        else:
            plan.principals.append(text)

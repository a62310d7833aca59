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
from core.text import english
from sharing import grants
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


def spec_of_type(text: str) -> registry.ResourceSpec | None:
    """The shareable type called ``registry.model`` or ``models``; None when there is none."""
    for spec in grants.shareable_specs():
        if text in (spec.type_label, spec.slug):
            return spec
    return None


def type_names() -> str:
    return ", ".join(f"“{spec.type_label}”" for spec in grants.shareable_specs()) or "none"


def object_key(item: Mapping[str, Any]) -> tuple[registry.ResourceSpec, uuid.UUID] | None:
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
                    f"“{item.get('type', '')}” is no type that can be shared.",
                    "TYPE_UNKNOWN",
                    f"Types that can be shared: {type_names()}.",
                )
            )
            continue
        key = object_key(item)
        obj = there.get((spec.type_label, key[1])) if key else None
        if obj is None:
            plan.problems.append(
                Problem(
                    "resources",
                    f"There is no {english(spec.label)} with the id “{item.get('id', '')}” in "
                    "your account.",
                    "NOT_FOUND",
                    "Copy the id from its page.",
                )
            )
        elif obj.account_id == actor.account_id and obj.pk not in seen:
            seen.add(obj.pk)
            _shareable(spec, obj, region, plan)
    return list(there.values())


def _too_many_resources() -> Problem:
    return Problem("resources", f"A share unit holds at most {MAX_RESOURCES} resources.", "LIMIT")


def _objects(
    actor: Actor, given: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, uuid.UUID], Resource]:
    """What the caller sees of the objects named, by type and id: one query per type."""
    keys: dict[registry.ResourceSpec, set[uuid.UUID]] = {}
    for item in given:
        if key := object_key(item):
            keys.setdefault(key[0], set()).add(key[1])
    return {
        (spec.type_label, row.pk): row
        for spec, ids in keys.items()
        for row in spec.model.objects.for_action(actor, spec.model.READ_VERB).filter(pk__in=ids)
    }


def _shareable(spec: registry.ResourceSpec, obj: Resource, region: str, plan: Plan) -> None:
    problem = regions.mismatch(obj, region, "share unit", field="resources")
    if problem is not None:
        plan.problems.append(problem)
    elif getattr(obj, "phase", "") in GONE:
        plan.problems.append(
            Problem("resources", f"{spec.label} “{obj}” is being deleted.", "GONE")
        )
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
            plan.problems.append(
                Problem("permissions", f"“{text}” is no type that can be shared.", "TYPE_UNKNOWN")
            )
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
                    f"There is no share permission “{asked or ''}” for {kind}.",
                    "PERMISSION_UNKNOWN",
                    f"Choose one of: {offered}.",
                )
            )
            continue
        if kind in used and row is not None and wanted.name != row.permission:
            plan.problems.append(
                Problem(
                    "permissions",
                    f"This unit gives {row.permission} on its {kind}; a unit has one permission "
                    "per type.",
                    "PERMISSION_BOUND",
                    "Make another share unit for the other permission.",
                )
            )
        elif kind not in added and kind not in used:
            plan.problems.append(
                Problem(
                    "permissions",
                    f"Nothing of the type {kind} is in this unit or is being added to it.",
                    "PERMISSION_UNUSED",
                    "Choose the permission together with the first resource of its type.",
                )
            )
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
            plan.problems.append(
                Problem(
                    "principals",
                    "This is your own account; it owns these resources already.",
                    "SELF",
                    "Give users of your own account rights with a policy.",
                )
            )
        elif text not in there:
            # the same words for malformed, unknown, suspended, blocking: this is no directory
            plan.problems.append(
                Problem(
                    "principals",
                    f"“{text}” is not the id of an account you can share with.",
                    "ACCOUNT",
                    "Ask the other side for its account id: 10 digits, in the menu at the top.",
                )
            )
        else:
            plan.principals.append(text)

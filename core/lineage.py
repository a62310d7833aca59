"""Where something comes from and what was made of it, read from the references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from core import registry
from core.actor import Actor
from core.models import Reference
from core.references import SHOWN, Key, at_work, visible, whole, words

#: steps that are followed in one direction
DEPTH = 6


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in a lineage. ``row`` is None where it is gone or the reader may not see it."""

    kind: str  # type label
    row: Any
    says: Any  # what connects it with the step before
    path: str  # the part that is referred to, e.g. a prefix of a bucket
    depth: int  # 1 = the next step
    whole: Any = ""  # what stands for an empty path


@dataclass(frozen=True, slots=True)
class _Edge:
    here: Key
    there: Key
    reference: Reference
    ends: bool  # nothing is followed from there


def sources(obj: Any, actor: Actor) -> list[Node]:
    """What ``obj`` was made from, step by step, in the order of a tree."""
    return _walk(obj, actor, _towards_sources)


def results(obj: Any, actor: Actor) -> list[Node]:
    """What was made of ``obj``, step by step, in the order of a tree."""
    return _walk(obj, actor, _towards_results)


def _towards_sources(level: Iterable[Key], rows: Any) -> list[_Edge]:
    found = rows.filter(_among(level, "from")).exclude(_writing())
    return [_Edge(_from(r), _to(r), r, ends=False) for r in _newest(found)]


def _towards_results(level: Iterable[Key], rows: Any) -> list[_Edge]:
    keys = list(level)
    users = rows.filter(_among(keys, "to")).exclude(_writing())
    written = rows.filter(_among(keys, "from")).filter(_writing())
    return [
        *(_Edge(_to(r), _from(r), r, ends=False) for r in _newest(users)),
        *(_Edge(_from(r), _to(r), r, ends=True) for r in _newest(written)),
    ]


def _walk(obj: Any, actor: Actor, step: Callable[[Iterable[Key], Any], list[_Edge]]) -> list[Node]:
    """Two queries and one per type for every step. Only references of the reader's own account are
    followed: what another account made a shared object from is not theirs to read."""
    rows = Reference.objects.unscoped("lineage within one account").filter(
        account_id=actor.account_id
    )
    start: Key = (obj._meta.label_lower, obj.pk)
    below: dict[Key, list[_Edge]] = {}
    known: dict[Key, Any] = {start: obj}
    seen, level = {start}, {start}
    for _number in range(DEPTH):
        edges = step(level, rows) if level else []
        known |= visible(actor, {edge.there for edge in edges} - seen)
        level = set()
        for edge in edges:
            if edge.there == start:
                continue
            below.setdefault(edge.here, []).append(edge)
            if edge.there not in seen and not edge.ends and edge.there in known:
                level.add(edge.there)
            seen.add(edge.there)
    found: list[Node] = []
    _flatten(start, below, known, 1, {start}, found)
    return found


def _flatten(
    here: Key,
    below: dict[Key, list[_Edge]],
    known: dict[Key, Any],
    depth: int,
    shown: set[Key],
    found: list[Node],
) -> None:
    for edge in below.get(here, ()):
        row = edge.reference
        kind, there = edge.there[0], known.get(edge.there)
        says = words(row.from_type, row.role, at_work(known.get(_from(row))))
        root = whole(row.from_type, row.role, row.path)
        found.append(Node(kind, there, says, row.path, depth, root))
        if edge.there not in shown and not edge.ends:
            shown.add(edge.there)
            _flatten(edge.there, below, known, depth + 1, shown, found)


def _among(keys: Iterable[Key], end: str) -> Q:
    wanted: dict[str, list[Any]] = {}
    for kind, pk in keys:
        wanted.setdefault(kind, []).append(pk)
    found = Q(pk__in=[])
    for kind, ids in wanted.items():
        found |= Q(**{f"{end}_type": kind, f"{end}_id__in": ids})
    return found


def _writing() -> Q:
    """References whose referrer makes what it refers to."""
    found = Q(pk__in=[])
    for spec in registry.all_specs():
        roles = [name for name, role in spec.references.items() if role.writes]
        if roles:
            found |= Q(from_type=spec.type_label, role__in=roles)
    return found


def _newest(rows: Any) -> list[Reference]:
    return list(rows.order_by("-id")[:SHOWN])


def _from(row: Reference) -> Key:
    return row.from_type, row.from_id


def _to(row: Reference) -> Key:
    return row.to_type, row.to_id

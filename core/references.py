"""What refers to what: one table, written in the owner's transaction.

A type declares ``references`` (what each role means) and ``refers_to`` (the references of a row);
the kernel writes the rows when the referrer is made or changed, marks them when its work ends, and
removes them with it. Delete guard, used-by tab, impact of a share and lineage read the same rows
(docs/mechanisms/references.md).

What belongs to another account is told as kind and number, never by name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, Q, QuerySet
from django.utils.translation import ngettext

from core import grants, messages, registry
from core.actor import Actor, current
from core.codes import label
from core.errors import Conflict
from core.models import Reference
from core.registry import Ref

#: newest references that a page shows and that a lineage follows in one step
SHOWN = 200

Key = tuple[str, uuid.UUID]  # type label, id


# writing --------------------------------------------------------------------------------------


def to(target: Model, role: str, path: str = "") -> Ref:
    """A reference to a row at hand."""
    return Ref(role, target._meta.label_lower, target.pk, path)


def write(obj: Any) -> None:
    """Insert what a new row refers to, in the caller's transaction: one statement for all."""
    spec, working = registry.spec_of(obj), at_work(obj)
    refs = dict.fromkeys(spec.refers_to(obj)) if spec.refers_to is not None else ()
    rows = [
        Reference(
            account_id=obj.account_id,
            from_type=spec.type_label,
            from_id=obj.pk,
            to_type=ref.to_type,
            to_id=ref.to_id,
            role=ref.role,
            path=ref.path,
            holds=spec.references[ref.role].holds,
            blocks=spec.references[ref.role].holds and working,
        )
        for ref in refs
    ]
    if rows:
        Reference.objects.unscoped("references of a row being written").bulk_create(rows)


def mark(obj: Any, *, holding: bool) -> None:
    """Begin or end to hold the targets, when the work of ``obj`` begins or ends."""
    if any(role.holds for role in registry.spec_of(obj).references.values()):
        _from(obj).filter(holds=True).update(blocks=holding)


def forget(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """A referrer was deleted, in whatever way: its references go in the same transaction."""
    if registry.has_spec(sender) and registry.spec_of(sender).references:
        _from(instance).delete()


def _from(obj: Any) -> QuerySet[Reference]:
    rows: QuerySet[Reference] = Reference.objects.unscoped("references of a row being written")
    return rows.filter(from_type=obj._meta.label_lower, from_id=obj.pk)


def at_work(obj: Any) -> bool:
    """Whether the work of a referrer goes on; what has no life cycle is always at work."""
    return not getattr(obj, "is_settled", False)


# reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """One reference whose referrer the reader may see."""

    referrer: Any  # a Resource
    role: str
    path: str
    blocks: bool

    @property
    def says(self) -> Any:
        """What the referrer does with the target, in the reader's language."""
        return words(self.referrer._meta.label_lower, self.role, at_work(self.referrer))

    @property
    def whole(self) -> Any:
        """What stands for the path where that is empty, in the reader's language."""
        return whole(self.referrer._meta.label_lower, self.role, self.path)


@dataclass(frozen=True, slots=True)
class Uses:
    """Who refers to something, as far as the reader may know it."""

    shown: tuple[Use, ...]
    hidden: int  # referrers of the reader's account that the reader may not see
    #: (type label, number of referrers, of these at work); only for the owner of the target
    elsewhere: tuple[tuple[str, int, int], ...]
    more: bool  # there are older ones than SHOWN


def words(type_label: str, role: str, working: bool) -> Any:
    """``says`` or ``said`` of a role; the bare name of one that is no longer declared."""
    declared = registry.spec_by_type(type_label).references.get(role)
    if declared is None:
        return role
    return declared.says if working or not declared.said else declared.said


def whole(type_label: str, role: str, path: str) -> Any:
    """What stands for an empty path, "" where the role says nothing or a path is there."""
    declared = registry.spec_by_type(type_label).references.get(role)
    return "" if path or declared is None else declared.whole


def towards(target: Any) -> QuerySet[Reference]:
    """Every reference to ``target`` or to one of its parts, in any account, for code that decides
    itself what of it is told to whom."""
    wanted = Q(to_type=target._meta.label_lower, to_id=target.pk)
    parts = registry.spec_of(target).parts
    if parts is not None:
        rows = parts(target)
        wanted |= Q(to_type=rows.model._meta.label_lower, to_id__in=rows.values("pk"))
    found: QuerySet[Reference] = Reference.objects.unscoped("references to a decided object")
    return found.filter(wanted)


def blocking(target: Any) -> QuerySet[Reference]:
    """References that stand in the way of deleting ``target``."""
    return towards(target).filter(blocks=True)


def count(target: Any) -> int:
    """Referrers of ``target``, other accounts' included: for a number that its owner reads."""
    return towards(target).values("from_type", "from_id").distinct().count()


def uses(target: Any, actor: Actor) -> Uses:
    """The newest references to ``target`` for ``actor``, in one query and one per kind of
    referrer; for the owner of the target another one counts those of other accounts."""
    rows = towards(target)
    own = list(rows.filter(account_id=actor.account_id).order_by("-id")[: SHOWN + 1])
    more, own = len(own) > SHOWN, own[:SHOWN]
    seen = visible(actor, {(row.from_type, row.from_id) for row in own})
    shown = tuple(
        Use(seen[row.from_type, row.from_id], row.role, row.path, row.blocks)
        for row in own
        if (row.from_type, row.from_id) in seen
    )
    hidden = {(r.from_type, r.from_id) for r in own} - seen.keys()
    elsewhere: list[tuple[str, int, int]] = []
    if target.account_id == actor.account_id:
        others = rows.exclude(account_id=actor.account_id).values("from_type")
        needed = Q(blocks=True) & ~Q(account_id__in=without_share(target))
        number = Count("from_id", distinct=True)
        working = Count("from_id", distinct=True, filter=needed)
        elsewhere = list(
            others.annotate(n=number, working=working)
            .order_by("from_type")
            .values_list("from_type", "n", "working")
        )
    return Uses(shown, len(hidden), tuple(elsewhere), more)


def elsewhere_text(type_label: str, number: int) -> str:
    """ "1 service of another account", in the reader's language."""
    spec = registry.spec_by_type(type_label)
    label = str(spec.label if number == 1 else spec.label_plural).lower()
    return ngettext(
        "%(n)d %(kind)s of another account", "%(n)d %(kind)s of other accounts", number
    ) % {"n": number, "kind": label}


def visible(actor: Actor, keys: Iterable[Key]) -> dict[Key, Any]:
    """The rows of ``keys`` that the actor may see: one query per type."""
    wanted: dict[str, set[uuid.UUID]] = {}
    for kind, pk in keys:
        wanted.setdefault(kind, set()).add(pk)
    found: dict[Key, Any] = {}
    for kind, ids in wanted.items():
        spec = registry.spec_by_type(kind)
        rows = spec.model.objects.for_action(actor, spec.model.READ_VERB).filter(pk__in=ids)
        rows = spec.prepare(rows) if spec.prepare is not None else rows
        found |= {(kind, row.pk): row for row in rows}
    return found


def names(keys: Iterable[Key]) -> list[str]:
    """Kind and name of each of ``keys``, for their own account only."""
    wanted: dict[str, list[uuid.UUID]] = {}
    for kind, pk in keys:
        wanted.setdefault(kind, []).append(pk)
    found = []
    for kind, ids in sorted(wanted.items()):
        spec = registry.spec_by_type(kind)
        rows = spec.model.objects.unscoped("names of what one's own account runs")
        rows = spec.prepare(rows) if spec.prepare is not None else rows
        found += [f"{str(spec.label).lower()} {row}" for row in rows.filter(pk__in=ids)]
    return found


# refusing -------------------------------------------------------------------------------------


def refuse_if_used(target: Any) -> None:
    """Raise Conflict (IN_USE) while something at work needs ``target``: of its own account, or of
    one that a share gives something on it now."""
    rows = blocking(target).exclude(account_id__in=without_share(target)).order_by("id")
    first = rows.filter(account_id=target.account_id).first() or rows.first()
    if first is not None:
        raise in_use(target, first, f"“{target}”")


def without_share(target: Any) -> list[str]:
    """Accounts that still use ``target`` and have no right to it any more: what they run is stopped
    by its reconciler, and stands in nothing's way."""
    others = towards(target).exclude(account_id=target.account_id)
    accounts = others.order_by().values_list("account_id", flat=True).distinct()
    return [one for one in accounts if not grants.any_in_force(one, target)]


def needed_elsewhere(target: Any) -> list[str]:
    """ "1 service of another account needs it.", per kind; for the owner of ``target``."""
    rows = blocking(target).exclude(account_id=target.account_id)
    rows = rows.exclude(account_id__in=without_share(target))
    by_kind = rows.values("from_type").order_by()
    kinds = by_kind.annotate(n=Count("from_id", distinct=True)).values_list("from_type", "n")
    return [
        messages.NEEDED_ELSEWHERE(n=number, things=_things(registry.spec_by_type(kind), number))
        for kind, number in sorted(kinds)
    ]


def _things(spec: registry.Declaration, number: int) -> str:
    return label(spec.label if number == 1 else spec.label_plural, low=True)


def in_use(target: Any, row: Reference, what: str) -> Conflict:
    """The refusal of an act on ``what``, which is ``target`` or a part of it: the reader learns
    which of what they may see is in the way, and of everything else kind and number."""
    spec = registry.spec_by_type(row.from_type)
    if row.account_id != target.account_id:
        others = blocking(target).filter(from_type=row.from_type)
        others = others.exclude(account_id__in=without_share(target))
        number = others.exclude(account_id=target.account_id).aggregate(
            n=Count("from_id", distinct=True)
        )["n"]
        return Conflict(
            messages.IN_USE_ELSEWHERE(n=number, things=_things(spec, number), what=what),
            extra={"used_by": {"type": row.from_type, "count": number}},
        )
    says = label(words(row.from_type, row.role, working=True))
    actor = current()
    if actor.is_user and not visible(actor, [(row.from_type, row.from_id)]):
        return Conflict(
            messages.IN_USE_UNSEEN(label=label(spec.label, low=True), says=says, what=what),
            extra={"used_by": {"type": row.from_type, "count": 1}},
        )
    rows = spec.model.objects.unscoped("what stands in the way of a delete in its own account")
    name = rows.filter(pk=row.from_id).first()
    return Conflict(
        messages.IN_USE(label=spec.label, name=name, says=says, what=what),
        extra={"used_by": {"type": row.from_type, "id": str(row.from_id)}},
    )

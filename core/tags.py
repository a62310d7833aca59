"""The table of tags: written with the row, read by lists under a condition on tags.

A row's own ``tags`` stay what everybody reads; the table answers "which rows carry k=v" for a whole
list in one query (docs/mechanisms/tags.md).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from core.models import Resource, Tag


def write(obj: Any) -> None:
    """Bring the table in line with ``obj.tags``, in the caller's transaction."""
    _of(obj).delete()
    add(obj)


def add(obj: Any) -> None:
    """Insert the tags of a new row: no statement where it has none."""
    kind = obj._meta.concrete_model._meta.label_lower
    rows = [
        Tag(
            account_id=obj.account_id,
            resource_type=kind,
            resource_id=obj.pk,
            key=key,
            value=value,
        )
        for key, value in {k.lower(): v for k, v in (obj.tags or {}).items()}.items()
    ]
    if rows:
        Tag.objects.unscoped("tags of a row being written").bulk_create(rows)


def forget(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """A row was deleted, in whatever way: its tags go in the same transaction."""
    if isinstance(instance, Resource) and instance.tags:
        _of(instance).delete()


def values(account_id: str, model: type[Model], key: str, *, limit: int) -> list[str]:
    """At most ``limit`` different values that rows of this type in an account have for ``key``."""
    found = _rows().filter(account_id=account_id, resource_type=_kind(model), key=key)
    return list(found.order_by().values_list("value", flat=True).distinct()[:limit])


def carries(key: str, among: Collection[str]) -> Q:
    """Rows that have one of these values for ``key``."""
    found = _rows().filter(resource_id=OuterRef("pk"), key=key, value__in=list(among))
    return Q(Exists(found))


def lacks(key: str) -> Q:
    """Rows without a tag ``key``."""
    return ~Q(Exists(_rows().filter(resource_id=OuterRef("pk"), key=key)))


def _kind(model: type[Model]) -> str:
    concrete: Any = model._meta.concrete_model
    return str(concrete._meta.label_lower)


def _rows() -> QuerySet[Tag]:
    rows: QuerySet[Tag] = Tag.objects.unscoped("which rows carry a tag")
    return rows


def _of(obj: Any) -> QuerySet[Tag]:
    return _rows().filter(resource_id=obj.pk)

"""What migrations of the rooms share that give existing rows their references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

BATCH = 1000

#: (row with id and account_id, [(role, type of the target, its id, path)], holds, at work)
Found = tuple[Any, list[tuple[str, str, Any, str]], bool, bool]


def write(apps: Any, from_type: str, found: Iterable[Found]) -> None:
    """Insert references of existing rows of ``from_type``, in batches, with historical models."""
    model = apps.get_model("core", "Reference")
    rows = _rows(model, from_type, found)
    while batch := list(islice(rows, BATCH)):
        model.objects.bulk_create(batch)


def remove(apps: Any, from_type: str) -> None:
    """The other way: no reference of ``from_type`` is left."""
    apps.get_model("core", "Reference").objects.filter(from_type=from_type).delete()


def bucket_ids(apps: Any) -> dict[tuple[str, str], Any]:
    """(account id, name) -> id of every bucket."""
    rows = apps.get_model("storage", "Bucket").objects.values_list("account_id", "name", "pk")
    return {(account, name): pk for account, name, pk in rows}


def _rows(model: Any, from_type: str, found: Iterable[Found]) -> Iterator[Any]:
    for row, refs, holds, at_work in found:
        for role, to_type, to_id, path in refs:
            yield model(
                account_id=row.account_id,
                from_type=from_type,
                from_id=row.pk,
                to_type=to_type,
                to_id=to_id,
                role=role,
                path=path,
                holds=holds,
                blocks=holds and at_work,
            )

"""Lists that stay flat: two bounded, indexed branches, merged; never one OR.

Own rows and rows shared by other accounts are disjoint, so the branches merge without DISTINCT and
their counts add up. Own rows have an index in the order of the list; shared rows have one in the
table of their grants, which keeps a copy of what the list is sorted by. Measured in
benchmarks/README.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

COUNT_CAP = 10_000  # beyond this a page says "10 000+"

#: names under which a query set offers its grants' copies of created_at and id to be sorted by
BY_CREATED, BY_PK = "by_created", "by_pk"


def sorted_by(rows: QuerySet[Any], ordering: str) -> QuerySet[Any]:
    """``rows`` by one column, ties by id in the same direction; by an index where there is one."""
    sign, column = ("-", ordering[1:]) if ordering.startswith("-") else ("", ordering)
    if column == "id":
        return rows.order_by(ordering)
    if column == "created_at" and BY_CREATED in rows.query.annotations:
        return rows.order_by(f"{sign}{BY_CREATED}", f"{sign}{BY_PK}")
    return rows.order_by(ordering, f"{sign}id")


class Branches:
    """What a Paginator needs (``count()``, slicing) over several disjoint query sets."""

    def __init__(self, branches: list[QuerySet[Any]], ordering: str = "-created_at") -> None:
        self.branches = branches
        self.order(ordering)

    def order(self, ordering: str) -> Branches:
        """Order by one column, ties by id. Returns itself."""
        self.ordering = ordering
        return self

    def narrow(self, change: Callable[[QuerySet[Any]], QuerySet[Any]]) -> Branches:
        """Apply the same filter to every branch. Returns itself."""
        self.branches = [change(branch) for branch in self.branches]
        return self

    def count(self) -> int:
        """Rows in all branches, counted up to COUNT_CAP + 1."""
        total = 0
        for branch in self.branches:
            room = COUNT_CAP + 1 - total
            if room <= 0:
                break
            total += branch.order_by()[:room].count()
        return total

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, window: slice) -> list[Any]:
        start, stop = window.start or 0, window.stop
        if len(self.branches) == 1:
            return list(sorted_by(self.branches[0], self.ordering)[start:stop])
        if start:
            return self._deep(start, stop)
        return self._merged(
            [
                [(self._key(getattr(row, self._column), row.pk), row) for row in rows]
                for rows in (sorted_by(b, self.ordering)[:stop] for b in self.branches)
            ]
        )[:stop]

    def _deep(self, start: int, stop: int) -> list[Any]:
        """A later page: the keys of everything before it, but only its own rows."""
        keys = [
            [(self._key(value, pk), pk) for value, pk in pairs]
            for pairs in (
                sorted_by(b, self.ordering).values_list(self._column, "pk")[:stop]
                for b in self.branches
            )
        ]
        wanted = self._merged(keys)[start:stop]
        rows = {row.pk: row for branch in self.branches for row in branch.filter(pk__in=wanted)}
        return [rows[pk] for pk in wanted if pk in rows]

    @property
    def _column(self) -> str:
        return self.ordering.lstrip("-")

    @staticmethod
    def _key(value: Any, pk: Any) -> tuple[Any, Any]:
        return (_sortable(value), str(pk))

    def _merged(self, sorted_pairs: list[list[tuple[Any, Any]]]) -> list[Any]:
        """What the pairs carry, in the order of their keys."""
        merged = heapq.merge(
            *sorted_pairs, key=lambda pair: pair[0], reverse=self.ordering[0] == "-"
        )
        return [carried for _key, carried in merged]


def _sortable(value: Any) -> Any:
    return (value is not None, value if value is not None else 0)

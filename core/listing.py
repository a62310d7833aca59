"""Lists that stay flat: two bounded, indexed branches, merged; never one OR.

Own rows and rows shared by other accounts are disjoint, so the branches merge without DISTINCT and
their counts add up. Measured in benchmarks/README.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.db.models import QuerySet

COUNT_CAP = 10_000  # beyond this a page says "10 000+"


class Branches:
    """What a Paginator needs (``count()``, slicing) over several disjoint query sets."""

    def __init__(self, branches: list[QuerySet[Any]], ordering: str = "-created_at") -> None:
        self.branches = branches
        self.order(ordering)

    def order(self, ordering: str) -> Branches:
        """Order by one column, ties by id. Returns itself."""
        self.ordering = ordering
        tie = "-id" if ordering.startswith("-") else "id"
        self._fields = [ordering] if ordering.lstrip("-") == "id" else [ordering, tie]
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
            return list(self.branches[0].order_by(*self._fields)[start:stop])
        keys = [self._keyed(branch.order_by(*self._fields)[:stop]) for branch in self.branches]
        merged = heapq.merge(*keys, key=lambda pair: pair[0], reverse=self.ordering[0] == "-")
        return [row for _key, row in merged][start:stop]

    def _keyed(self, rows: QuerySet[Any]) -> Iterator[tuple[tuple[Any, Any], Any]]:
        column = self.ordering.lstrip("-")
        return ((cast(Any, (_sortable(getattr(row, column)), str(row.pk))), row) for row in rows)


def _sortable(value: Any) -> Any:
    return (value is not None, value if value is not None else 0)

"""Managers that refuse a query without an actor."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.models import F, Q

from core.actor import Actor
from core.errors import UnscopedQuery
from core.listing import BY_CREATED, BY_PK

if TYPE_CHECKING:
    from core.models import Resource

log = logging.getLogger("modelyard.unscoped")
M = TypeVar("M", bound=models.Model)

#: how often each reason was used in this process; the admin page and tests read it
unscoped_uses: Counter[str] = Counter()

_validating: ContextVar[bool] = ContextVar("modelyard_validating", default=False)


@contextlib.contextmanager
def uniqueness_over_all_rows() -> Iterator[None]:
    """Let Django's uniqueness validation look at every row; it returns no row to anybody."""
    token = _validating.set(True)
    try:
        yield
    finally:
        _validating.reset(token)


class ScopedManager(models.Manager[M]):
    """``for_action(actor, verb)`` or ``unscoped(reason)``; everything else raises.

    Raises:
        UnscopedQuery: from ``all()``, ``filter()``, ``get()`` ... called directly.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        if _validating.get():
            return super().get_queryset()
        raise UnscopedQuery(
            f"{self.model.__name__}.objects needs an actor: use for_action(actor, verb), "
            "or unscoped(reason) in platform code."
        )

    def unscoped(self, reason: str) -> models.QuerySet[M]:
        """Every row, for the platform's own work. ``reason`` is counted and greppable."""
        if not reason:
            raise UnscopedQuery("unscoped() needs a reason")
        unscoped_uses[reason] += 1
        return super().get_queryset()

    def create(self, **kwargs: Any) -> M:
        """Insert one row; creating reads nothing, so it needs no actor here."""
        obj = self.model(**kwargs)
        obj.save(force_insert=True, using=self.db)
        return obj

    def own(self, actor: Actor, verb: str) -> models.QuerySet[M]:
        """Rows of the actor's account that ``verb`` may reach."""
        return self._narrow(self._scope(actor, verb).own)

    def own_branches(self, actor: Actor, verb: str) -> list[models.QuerySet[M]]:
        """``own`` as disjoint query sets, one for each workspace: an index has each in order."""
        scope = self._scope(actor, verb)
        rows = self._narrow(scope.own)
        if len(scope.workspaces) < 2:
            return [rows]
        return [rows.filter(workspace_id=code) for code in scope.workspaces]

    def shared(self, actor: Actor, verb: str) -> models.QuerySet[M]:
        """Rows of other accounts that a share opens to ``verb``; ``Branches`` and
        ``sorted_by`` order them by the grants' index where there is one."""
        scope = self._scope(actor, verb)
        walk = None if scope.shared is None else scope.walk()
        if walk is None:
            return self._narrow(scope.shared)
        rows = self._narrow(walk.condition)  # first the join, then names for its columns
        names = {BY_CREATED: F(walk.created_at), BY_PK: F(walk.pk)}
        named: models.QuerySet[M] = rows.alias(**names)
        return named

    def for_action(self, actor: Actor, verb: str) -> models.QuerySet[M]:
        """Own and shared rows in one queryset: for look-ups by key. Lists use two branches."""
        scope = self._scope(actor, verb)
        parts = [q for q in (scope.own, scope.shared) if q is not None]
        if not parts:
            return super().get_queryset().none()
        condition = parts[0] if len(parts) == 1 else Q(*parts, _connector=Q.OR)
        return super().get_queryset().filter(condition)

    def offered(self, actor: Actor, verb: str) -> tuple[models.QuerySet[M], models.QuerySet[M]]:
        """Own and shared rows that ``verb`` may reach and the actor may read: what a form offers,
        by name, to choose from for ``verb``."""
        read = self._scope(actor, _as_resource(self.model).READ_VERB)
        own, shared = self._narrow(read.own), self._narrow(read.shared)
        return (
            self.own(actor, verb).filter(pk__in=own.values("pk")),
            self.shared(actor, verb).filter(pk__in=shared.values("pk")),
        )

    def _scope(self, actor: Actor, verb: str) -> Any:
        from core import access, registry

        spec = registry.spec_of(self.model)
        return access.scope(actor, spec.action(verb), _as_resource(self.model))

    def _narrow(self, condition: Q | None) -> models.QuerySet[M]:
        rows = super().get_queryset()
        return rows.none() if condition is None else rows.filter(condition)


def _as_resource(model: type[models.Model]) -> type[Resource]:
    return model  # type: ignore[return-value]

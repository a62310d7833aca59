"""How many of a kind an account may have, and how many it has."""

from __future__ import annotations

from dataclasses import dataclass

from core import registry
from core.errors import QuotaExceeded
from core.models import Quota
from core.text import english


@dataclass(frozen=True, slots=True)
class Usage:
    """Objects used and allowed of one kind."""

    key: str
    label: str
    used: int
    limit: int

    @property
    def share(self) -> float:
        """Used part, 0.0 to 1.0 and beyond."""
        return self.used / self.limit if self.limit else 1.0


def limit_of(account_id: str, key: str, default: int) -> int:
    """The account's own limit, else the declared default."""
    row = Quota.objects.filter(account_id=account_id, key=key).values_list("limit", flat=True)
    return next(iter(row), default)


def usage(account_id: str, spec: registry.ResourceSpec) -> Usage | None:
    """Use and limit of one resource type, or None where it has no quota."""
    if spec.quota is None:
        return None
    key, default = spec.quota
    rows = spec.model.objects.unscoped("quota").filter(account_id=account_id)
    terminal = getattr(spec.model, "TERMINAL", None)
    if terminal:
        rows = rows.exclude(phase__in=terminal)
    return Usage(key, str(spec.label_plural), rows.count(), limit_of(account_id, key, default))


def check(account_id: str, spec: registry.ResourceSpec) -> None:
    """Raise QuotaExceeded when one more object would pass the limit. Call inside the insert's
    transaction, after the insert: two racing requests then see each other."""
    found = usage(account_id, spec)
    if found is not None and found.used > found.limit:
        raise QuotaExceeded(
            f"Your account may have {found.limit} {english(spec.label_plural)} at a time "
            f"and has {found.used - 1}.",
            hint="Delete one you no longer need, or ask the operator to raise the quota "
            f"“{found.key}”.",
            extra={"quota": found.key, "limit": found.limit, "used": found.used - 1},
        )


def all_usage(account_id: str) -> list[Usage]:
    """Use of every declared quota, for the dashboard."""
    return [u for spec in registry.all_specs() if (u := usage(account_id, spec)) is not None]

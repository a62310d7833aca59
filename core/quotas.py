"""How many of a kind an account may have, and how many it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection, models

from core import messages, registry
from core.codes import label
from core.errors import QuotaExceeded
from core.models import Quota
from core.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Usage:
    """Objects used and allowed of one kind."""

    key: str
    label: str
    used: int
    limit: int
    default: int

    @property
    def share(self) -> float:
        """Used part, 0.0 to 1.0 and beyond."""
        return self.used / self.limit if self.limit else 1.0


@dataclass(frozen=True, slots=True)
class Meter:
    """A quota of something that is no row of a resource type, such as stored bytes.

    ``used``: account id -> how much of it the account has now, in the unit that ``label`` names.
    """

    key: str
    label: object  # lazy text
    default: int
    used: Callable[[str], int]

    def usage(self, account_id: str, limits: Mapping[str, int] | None = None) -> Usage:
        """Use and limit of one account."""
        if limits is None:
            limit = limit_of(account_id, self.key, self.default)
        else:
            limit = limits.get(self.key, self.default)
        return Usage(self.key, str(self.label), self.used(account_id), limit, self.default)


_meters: dict[str, Meter] = {}


def register(meter: Meter) -> Meter:
    """Show and raise the quota like those of the resource types. Its room checks it."""
    return _meters.setdefault(meter.key, meter)


def limit_of(account_id: str, key: str, default: int) -> int:
    """The account's own limit, else the declared default."""
    row = _LIMIT.row(account_id=account_id, key=key)
    return default if row is None else int(row[0])


_LIMIT = Prepared(
    lambda account_id, key: Quota.objects.filter(account_id=account_id, key=key).values_list(
        "limit"
    ),
    account_id=models.CharField(),
    key=Quota._meta.get_field("key"),
)


def write(account_id: str, key: str, limit: int | None) -> None:
    """Set the account's own limit; None goes back to the default. Checks no right."""
    if limit is None:
        Quota.objects.filter(account_id=account_id, key=key).delete()
    else:
        Quota.objects.update_or_create(account_id=account_id, key=key, defaults={"limit": limit})


def usage(
    account_id: str, spec: registry.Declaration, limits: Mapping[str, int] | None = None
) -> Usage | None:
    """Use and limit of one resource type, or None where it has no quota. ``limits``: the account's
    own limits by key, where they are known already."""
    if spec.quota is None:
        return None
    key, default = spec.quota
    counted = _used(spec.model).row(account_id=account_id)
    used = 0 if counted is None else int(counted[0])
    limit = limit_of(account_id, key, default) if limits is None else limits.get(key, default)
    return Usage(key, str(spec.quota_label or spec.label_plural), used, limit, default)


@cache
def _used(model: Any) -> Prepared:
    """Number of an account's objects that count; no row where there is none."""

    def build(account_id: str) -> Any:
        rows = model.objects.unscoped("quota").filter(account_id=account_id)
        if terminal := getattr(model, "TERMINAL", None):
            rows = rows.exclude(phase__in=terminal)
        counted = rows.order_by().values("account_id").annotate(n=models.Count("pk"))
        return counted.values_list("n")

    return Prepared(build, account_id=models.CharField())


def lock(account_id: str, spec: registry.Declaration) -> None:
    """Let one transaction at a time add objects of this kind to the account, until it ends: two
    that race would each count without the other's row. Take it before any other lock. SQLite lets
    one writer in at a time anyway."""
    if spec.quota is None or connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"quota:{account_id}:{spec.quota[0]}"],
        )


def check(account_id: str, spec: registry.Declaration) -> None:
    """Raise QuotaExceeded when there are more objects than the limit. Call inside the insert's
    transaction: ``lock`` before the insert, this after it."""
    found = usage(account_id, spec)
    if found is not None and found.used > found.limit:
        one, many = spec.label, spec.quota_label or spec.label_plural
        things = label(one if found.limit == 1 else many, low=True)
        raise QuotaExceeded(
            messages.QUOTA(limit=found.limit, things=things, used=found.used - 1, key=found.key),
            extra={"quota": found.key, "limit": found.limit, "used": found.used - 1},
        )


def all_usage(account_id: str) -> list[Usage]:
    """Use of every declared quota, for the dashboard."""
    limits = dict(Quota.objects.filter(account_id=account_id).values_list("key", "limit"))
    found = [u for spec in registry.all_specs() if (u := usage(account_id, spec, limits))]
    return [*found, *(meter.usage(account_id, limits) for meter in _meters.values())]

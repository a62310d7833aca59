"""Stored bytes of an account: how many there are, and how many there may be."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext_lazy

from core import quotas
from core.errors import QuotaExceeded
from storage import messages
from storage.blob.models import StoredBytes

MIB = 1024 * 1024
KEY = "stored_mib"
DEFAULT = 100 * 1024  # MiB


def total(account_id: str) -> int:
    """Bytes that the account's blobs have now."""
    found = StoredBytes.objects.filter(account_id=account_id).values_list("total", flat=True)
    return next(iter(found), 0)


def add(account_id: str, size: int) -> None:
    """Count a blob of ``size`` bytes that comes (or, below 0, goes), in its own transaction. The
    account's row stays locked until that ends: of two that come at once one sees the other."""
    rows = StoredBytes.objects.filter(account_id=account_id)
    if not rows.update(total=F("total") + size):
        StoredBytes.objects.get_or_create(account_id=account_id)
        rows.update(total=F("total") + size)


def refuse_above(account_id: str, size: int = 0) -> None:
    """Raise QuotaExceeded when the account would hold more than its limit with ``size`` bytes more.

    Asked before the bytes are read, and again with ``add`` before their row is written.
    """
    limit, now = METER.usage(account_id).limit, total(account_id)
    if now + size <= limit * MIB:
        return
    raise QuotaExceeded(
        messages.QUOTA_OF_BYTES(limit=limit, mib=_mib(now + size), key=KEY),
        extra={"quota": KEY, "limit": limit, "used": _mib(now)},
    )


def _mib(size: int) -> int:
    return -(-size // MIB)


METER = quotas.register(
    quotas.Meter(
        KEY,
        gettext_lazy("Stored data (MiB)"),
        DEFAULT,
        lambda account_id: _mib(total(account_id)),
    )
)

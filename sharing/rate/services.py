"""So often in a window, and no more: counted in the database, so that every process counts."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from core.errors import TooManyRequests
from sharing.rate.models import Rate

#: the longest window anybody counts in; older rows say nothing
LONGEST = dt.timedelta(days=1)


def take(key: str, amount: int, most: int, window: dt.timedelta, refusal: str) -> None:
    """Count ``amount`` under ``key``. Once it would pass ``most``, all of the window is used up:
    a smaller amount is refused as well, so that refusals tell nothing.

    ``amount`` 0 asks whether anything is left.

    Raises:
        TooManyRequests: ``extra["retry_after"]`` is in seconds.
    """
    now = timezone.now()
    with transaction.atomic():
        Rate.objects.get_or_create(key=key, defaults={"since": now})
        row = Rate.objects.select_for_update().get(key=key)
        if now - row.since >= window:
            row.since, row.count = now, 0
        passed = row.count >= most or row.count + amount > most
        row.count = most if passed else row.count + amount
        row.save(update_fields=["since", "count"])
        left = (row.since + window - now).total_seconds()
    if passed:
        raise TooManyRequests(refusal, extra={"retry_after": int(left) + 1})


def sweep() -> int:
    """Delete windows that are over; returns how many."""
    gone, _kinds = Rate.objects.filter(since__lt=timezone.now() - LONGEST).delete()
    return gone

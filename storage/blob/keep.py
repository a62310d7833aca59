"""Bytes that a running backup may still need stay, although their last row has gone.

A backup keeps with ``begin`` before it copies the database, so whatever that copy refers to was
still there when the copy was made. Who removes bytes asks ``wanted`` after the row's removal was
committed: the answer then includes every backup whose copy may hold the row. What stays is an
orphan afterwards, and the sweep removes it. A killed backup keeps nothing for longer than VALID.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from core import liveness
from core.models import Lease

PREFIX = "storage.keep:"
VALID = dt.timedelta(minutes=5)


def begin(name: str) -> None:
    """Keep all bytes for VALID from now, in the name of one backup."""
    rows = Lease.objects.filter(key__startswith=PREFIX)
    rows.filter(expires_at__lte=timezone.now()).delete()  # of backups that were killed
    Lease.objects.create(
        key=f"{PREFIX}{name}", holder=liveness.me(), expires_at=timezone.now() + VALID
    )


def renew(name: str) -> bool:
    """Go on for VALID from now. False where it has run out: bytes may be gone since."""
    now = timezone.now()
    rows = Lease.objects.filter(key=f"{PREFIX}{name}", expires_at__gt=now)
    return bool(rows.update(expires_at=now + VALID))


def end(name: str) -> None:
    """Keep no longer. Ending twice is fine."""
    Lease.objects.filter(key=f"{PREFIX}{name}").delete()


def is_kept(name: str) -> bool:
    """Whether this backup wants bytes to stay now: it has renewed that within VALID."""
    return Lease.objects.filter(key=f"{PREFIX}{name}", expires_at__gt=timezone.now()).exists()


def wanted() -> bool:
    """Whether any backup wants bytes to stay now."""
    rows = Lease.objects.filter(key__startswith=PREFIX, expires_at__gt=timezone.now())
    return rows.exists()

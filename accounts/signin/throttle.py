"""Slowing down guessing, by user and by address, in the database so that every process counts.

An attempt is counted before its password is looked at, so parallel guesses cannot slip past. The
delay grows with each failure and never becomes a lock-out; a device that signed in before has a
count of its own, so somebody else's guessing does not keep its owner out (ASVS 6.1.1).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import secrets
import unicodedata

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import messages
from accounts.signin.models import SignInThrottle
from core.errors import TooManyRequests

#: failures that cost nothing: people mistype. "user" is one that exists, whatever was typed for
#: them; "nobody" a name that none has, which must look the same from outside
FREE = {"user": 5, "nobody": 5, "device": 5, "ip": 20}
#: longest wait in seconds
LONGEST = {"user": 900, "nobody": 900, "device": 60, "ip": 900}
#: rows kept of the kinds that strangers can make as many of as they like; the oldest go
MOST = {"nobody": 10_000, "ip": 50_000}
#: new rows between two looks at how many there are, on average
LOOK_EVERY = 64
#: after this long without a failure the count starts again
FORGET = dt.timedelta(hours=24)


def key_of(kind: str, *parts: str) -> str:
    """The row's key: "user:" and a hash, so the table holds no names that were typed wrong."""
    digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()
    return f"{kind}:{digest[:48]}"


def key_of_name(*parts: str) -> str:
    """The row of a name that no user has. Spellings that a look-up would take for one are one:
    compatibility forms, case and blanks around do not count."""
    folded = (unicodedata.normalize("NFKC", part).strip().casefold() for part in parts)
    return key_of("nobody", *folded)


def key_of_address(text: str) -> str:
    """The row of a caller's address: who has an IPv6 address has its whole /64, and an IPv4
    address written as IPv6 is the IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return key_of("ip", text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return key_of("ip", str(address.ipv4_mapped))
        return key_of("ip", str(ipaddress.ip_network((int(address), 64), strict=False)))
    return key_of("ip", str(address))


def begin(*keys: str) -> None:
    """Count one attempt under every key.

    Raises:
        TooManyRequests: one of the keys has to wait; ``extra["retry_after"]`` is in seconds.
    """
    now = timezone.now()
    with transaction.atomic():
        for key in sorted(keys):
            row, made = SignInThrottle.objects.get_or_create(key=key, defaults={"updated_at": now})
            if made and secrets.randbelow(LOOK_EVERY) == 0:
                trim(row.key.partition(":")[0])
        rows = list(SignInThrottle.objects.select_for_update().filter(key__in=keys).order_by("key"))
        wait = max(
            ((row.blocked_until - now).total_seconds() for row in rows if row.blocked_until),
            default=0.0,
        )
        if wait <= 0:
            for row in rows:
                _count(row, now)
    if wait > 0:
        seconds = int(wait) + 1
        raise TooManyRequests(
            messages.TOO_MANY_SIGN_INS(seconds=seconds), extra={"retry_after": seconds}
        )


def _count(row: SignInThrottle, now: dt.datetime) -> None:
    kind = row.key.partition(":")[0]
    row.failures = 1 if now - row.updated_at > FORGET else row.failures + 1
    beyond = row.failures - FREE[kind]
    delay = min(2.0 ** min(beyond, 20), LONGEST[kind]) if beyond >= 0 else 0.0
    row.blocked_until = now + dt.timedelta(seconds=delay) if delay else None
    row.updated_at = now
    row.save(update_fields=["failures", "blocked_until", "updated_at"])


def succeeded(*keys: str) -> None:
    """The attempt counted by ``begin`` was right: forget the user's failures, and take this one
    attempt back from the address (an attacker's own account must not clean their address)."""
    now = timezone.now()
    for key in keys:
        if key.startswith("ip:"):
            withdraw(key)
        else:
            SignInThrottle.objects.filter(key=key).update(
                failures=0, blocked_until=None, updated_at=now
            )


def withdraw(*keys: str) -> None:
    """Take back one attempt counted by ``begin``: it was no guess."""
    for key in keys:
        rows = SignInThrottle.objects.filter(key=key)
        rows.filter(failures__gt=0).update(failures=F("failures") - 1)
        rows.filter(failures__lt=FREE[key.partition(":")[0]]).update(blocked_until=None)


def sweep() -> int:
    """Delete counts that are not needed any more; returns how many."""
    gone, _kinds = SignInThrottle.objects.filter(updated_at__lt=timezone.now() - FORGET).delete()
    return gone


def trim(kind: str) -> int:
    """Delete the oldest counts of a kind beyond what is kept of it; returns how many. Counts of
    users who exist are never among them, so no count starts again because others are made."""
    if kind not in MOST:
        return 0
    rows = SignInThrottle.objects.filter(key__startswith=f"{kind}:").order_by("-updated_at")
    beyond = rows[MOST[kind] : MOST[kind] + 1].values_list("updated_at", flat=True).first()
    if beyond is None:
        return 0
    gone, _kinds = rows.order_by().filter(updated_at__lte=beyond).delete()
    return gone

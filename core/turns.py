"""Whose turn it is: the looks of all accounts share the workers, and none waits for another's.

What is to be looked at stands in the outbox. A message of the broker only says that there is
something; a worker that takes one chooses here. The account goes first that has the fewest looks
under way and the earliest turn; a turn moves on by the seconds that were spent. Of the processes of
a host one stays free of any one account, and one of all long looks.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Min
from django.utils import timezone

from core import liveness, reconcile
from core.models import Lease, OutboxMessage, Turn
from core.prepared import Prepared

log = logging.getLogger("modelyard.turns")

SHIFT = 1.0  # seconds until a worker that looks makes room for other tasks
DEBT = dt.timedelta(seconds=60)  # the most that an account's turn lies ahead
TRIES = 5  # at what other processes take first
KEPT = dt.timedelta(hours=1)
WAKE_WITHIN = 30  # seconds after which a call to work is not worth anything


@dataclass(frozen=True, slots=True)
class Asked:
    """An object to look at. ``shared``: whether other accounts wait, too."""

    account: str
    resource_type: str
    resource_id: str
    shared: bool


@dataclass(frozen=True, slots=True)
class Shares:
    """How many processes of this host may look at once: for one account; at what takes long; and
    at what takes long for one account."""

    own: int
    long: int
    own_long: int

    @classmethod
    def here(cls) -> Shares:
        rest = max(1, settings.MODELYARD_WORKER_PROCESSES - 1)
        return cls(rest, rest, max(1, rest - 1))


class Look(NamedTuple):
    """A lease: a look under way, at an object of an account."""

    key: str
    holder: str
    expires_at: dt.datetime
    account: str


_LEASES = Prepared(
    lambda now: (
        Lease.objects.filter(expires_at__gt=now)
        .exclude(account="")
        .values_list("key", "holder", "expires_at", "account")
    ),
    now=Lease._meta.get_field("expires_at"),
)
#: the oldest message per account and type
_OLDEST = Prepared(
    lambda: OutboxMessage.objects.filter(
        pk__in=OutboxMessage.objects.order_by()
        .values("account", "resource_type")
        .annotate(first=Min("id"))
        .values("first")
    ).values_list("pk", "account", "resource_type", "resource_id")
)


class Held:
    """The looks under way on this host."""

    def __init__(self) -> None:
        looks = (Look(*row) for row in _LEASES.rows(now=timezone.now()))
        self._leases = sorted(
            (look for look in looks if liveness.is_here(look.holder)),
            key=lambda look: (look.expires_at, look.key),
        )

    def of(self, account: str) -> int:
        """Looks of one account."""
        return sum(row.account == account for row in self._leases)

    def lets(self, account: str, resource_type: str) -> bool:
        """Whether one more look fits."""
        return self._fits(account, resource_type, self._leases, more=1)

    def let(self, account: str, resource_type: str, key: str) -> bool:
        """Whether the look that holds ``key`` fits beside those that were there before it."""
        until = next((n for n, row in enumerate(self._leases) if row.key == key), None)
        if until is None:
            return True  # given back meanwhile, by somebody who took it over
        return self._fits(account, resource_type, self._leases[: until + 1], more=0)

    @staticmethod
    def _fits(account: str, resource_type: str, leases: list[Look], *, more: int) -> bool:
        shares = Shares.here()
        own = [row for row in leases if row.account == account]
        if len(own) + more > shares.own:
            return False
        if not reconcile.is_long(resource_type):
            return True
        return (
            sum(map(_is_long, leases)) + more <= shares.long
            and sum(map(_is_long, own)) + more <= shares.own_long
        )


def _is_long(lease: Look) -> bool:
    return reconcile.is_long(lease.key.partition(":")[0])


def work() -> int:
    """Look at what waits, in turns, for about SHIFT seconds; returns at how much."""
    until, looked = time.monotonic() + SHIFT, 0
    while (asked := claim()) is not None:
        began = time.monotonic()
        outcome = reconcile.look(
            asked.resource_type, asked.resource_id, account=asked.account, admit=_admit
        )
        now = time.monotonic()
        if outcome == "crowded":  # another process was as quick
            _put_back(asked)
        else:
            looked += 1
            if asked.shared or now - began > SHIFT / 4:
                charge(asked.account, now - began)
        if now > until:
            wake(1)
            break
    return looked


def claim() -> Asked | None:
    """Take the next object to look at out of the outbox; None where nothing may be looked at."""
    for _try in range(TRIES):
        lost = False
        for row, shared in _candidates():
            # Whatever asked for this object until now is answered by the one look.
            if _delete(row):
                return Asked(row.account, row.resource_type, row.resource_id, shared)
            lost = True
        if not lost:
            return None
    return None


class Waiting(NamedTuple):
    """A message."""

    pk: int
    account: str
    resource_type: str
    resource_id: str


def _candidates() -> Iterator[tuple[Waiting, bool]]:
    """The oldest message per account and type, whose turn it is first, and whether other accounts
    wait, too."""
    waiting = [Waiting(*row) for row in _OLDEST.rows()]
    if not waiting:
        return
    held, accounts = Held(), {row.account for row in waiting}
    turns: dict[str, dt.datetime] = {}
    if len(accounts) > 1:
        turns = dict(Turn.objects.filter(account__in=accounts).values_list("account", "at"))
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    waiting.sort(key=lambda row: (held.of(row.account), turns.get(row.account, never), row.pk))
    for row in waiting:
        if held.lets(row.account, row.resource_type):
            yield row, len(accounts) > 1


def _delete(row: Waiting) -> bool:
    same = OutboxMessage.objects.filter(
        resource_type=row.resource_type, resource_id=row.resource_id
    )
    # Plain SQL: nothing refers to a message, so there is nothing to collect first.
    return bool(same._raw_delete(same.db))


def _put_back(asked: Asked) -> None:
    OutboxMessage.objects.create(
        account=asked.account,
        resource_type=asked.resource_type,
        resource_id=asked.resource_id,
        published_at=timezone.now(),
    )


def _admit(account: str, resource_type: str, key: str) -> bool:
    return Held().let(account, resource_type, key)


def charge(account: str, seconds: float) -> None:
    """Move the account's turn on by what its look took."""
    now = timezone.now()
    rows = Turn.objects.filter(account=account)
    before = rows.values_list("at", flat=True).first()
    spent = dt.timedelta(seconds=seconds)
    at = min(max(before or now, now), now + DEBT) + spent
    if rows.update(at=at):
        return
    try:
        with transaction.atomic():
            Turn.objects.create(account=account, at=at)
    except IntegrityError:
        log.debug("another process charged %s first", account)


def forget() -> None:
    """Drop turns that are long past: they say nothing any more."""
    Turn.objects.filter(at__lt=timezone.now() - KEPT).delete()


def call() -> int:
    """Have as many workers come as there is something for, at most this host's."""
    waiting = OutboxMessage.objects.order_by()[: settings.MODELYARD_WORKER_PROCESSES].count()
    wake(waiting)
    return waiting


def wake(count: int) -> None:
    """Tell the workers that something waits. Without a broker the next sweep tells them."""
    try:
        for _one in range(count):
            current_app.send_task("core.look", args=["", ""], expires=WAKE_WITHIN, retry=False)
    except Exception as error:  # noqa: BLE001 any broker failure
        log.warning("broker did not take a call: %s", error)

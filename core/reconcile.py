"""Reconcilers: level-triggered, one at a time per object, safe to run at any moment and twice."""

from __future__ import annotations

import datetime as dt
import logging
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from core import actor as actors
from core import alarm, liveness, messages, outage, outbox, registry, states
from core.errors import Conflict, StaleState
from core.models import Lease, OutboxMessage

log = logging.getLogger("modelyard.reconcile")


class NotBefore(float):
    """Seconds until there can be something to see: no further round, although the object moved."""


#: obj -> seconds until the next look, or None for the default period
Reconciler = Callable[[Any], float | None]

PERIOD = 2.0  # seconds between looks at an object that is not settled
LEASE_SECONDS = 58  # a task has less time than this
REPEAT = 3.0  # seconds until an object that was due is asked for again, without a look
ROUNDS = 3  # at most in one look, while the object moves
LOOK_SECONDS = 20.0  # for one look with all its rounds
LONG_SECONDS = 45.0  # for one that is declared to take long
SLICE = 500  # objects of one type that a sweep asks for
EACH = 50  # of them per account, where more are due
FULL = 200  # messages of one account that wait, above which a sweep adds none
POISON_AFTER = 5  # reconcile exceptions in a row before an object is parked

_reconcilers: dict[str, Reconciler] = {}
_let_go: dict[str, Callable[[Any], None]] = {}
_long: set[str] = set()


def reconciler(
    model: type[Any], *, let_go: Callable[[Any], None] | None = None, long: bool = False
) -> Callable[[Reconciler], Reconciler]:
    """Declare the function that looks after one stateful model.

    ``long``: a look reads what a tenant sent and may take LONG_SECONDS; such looks never take all
    workers (``core.turns``).
    ``let_go`` ends what an object runs and gives back what it holds, for one that is parked:
    no reconciler looks after it any more. It is called in the transaction of the move, and may be
    called twice.
    """

    def declare(function: Reconciler) -> Reconciler:
        _reconcilers[model._meta.label_lower] = function
        if long:
            _long.add(model._meta.label_lower)
        if let_go is not None:
            _let_go[model._meta.label_lower] = let_go
        return function

    return declare


def is_long(resource_type: str) -> bool:
    """Whether a look at this type may take long."""
    return resource_type in _long


def declared() -> dict[str, Reconciler]:
    return dict(_reconcilers)


#: (key, holder) of leases whose end could not be written; tried again before the next look
_unreleased: deque[tuple[str, str]] = deque()


@dataclass(slots=True)
class Held:
    """The right to look at ``key``."""

    key: str
    holder: str
    given_back: bool = False

    def is_over(self) -> bool:
        """Give it back, unless another look was asked for meanwhile; whether none was."""
        rows = Lease.objects.filter(key=self.key, holder=self.holder)
        idle = rows.filter(again=False)
        try:
            self.given_back = idle._raw_delete(idle.db) > 0
        except DatabaseError:
            return True  # ``lease`` gives it back when the database is there again
        return self.given_back or not rows.filter(again=True).update(again=False)


@contextmanager
def lease(key: str, account: str = "") -> Iterator[Held | None]:
    """Hold the right to look at ``key``, or yield None where somebody else holds it."""
    release_left()
    held = Held(key, f"{liveness.me()}.{uuid.uuid4().hex[:12]}")
    if not _acquire(key, held.holder, account):
        yield None
        return
    try:
        yield held
    finally:
        if not held.given_back:
            _unreleased.append((key, held.holder))
        try:
            release_left()
        except DatabaseError as error:  # it is away: this process gives the lease back later
            log.warning("lease of %s not given back yet: %s", key, error)


def release_left() -> None:
    """Give back the leases of looks that ended while the database was away."""
    while _unreleased:
        key, holder = _unreleased[0]
        # Plain SQL: nothing refers to a lease, so there is nothing to collect first.
        rows = Lease.objects.filter(key=key, holder=holder)
        rows._raw_delete(rows.db)
        with suppress(ValueError):  # another thread was as quick
            _unreleased.remove((key, holder))


def forget_leases() -> None:
    """Give back the leases of everybody: after a restore their holders are another
    installation's."""
    Lease.objects.all().delete()


def _acquire(key: str, holder: str, account: str) -> bool:
    now = timezone.now()
    until = now + dt.timedelta(seconds=LEASE_SECONDS)
    try:
        # Alone the insert is a transaction of its own; BEGIN and COMMIT would be two more queries.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            Lease.objects.create(key=key, holder=holder, expires_at=until, account=account)
        return True
    except IntegrityError:
        pass
    held = Lease.objects.filter(key=key).first()
    if held is None:
        return False  # given back this moment; its holder has looked
    if held.expires_at < now or liveness.is_gone(held.holder):
        # A killed worker does not keep an object from being looked at until the lease ends.
        stolen = Lease.objects.filter(key=key, holder=held.holder, expires_at=held.expires_at)
        if stolen.update(holder=holder, expires_at=until, again=False, account=account):
            return True
    Lease.objects.filter(key=key).update(again=True)
    return False


#: (account, type, lease) -> whether the look may go on beside those that were there first
Admit = Callable[[str, str, str], bool]


def look(
    resource_type: str, resource_id: str, *, account: str = "", admit: Admit | None = None
) -> str:
    """Look at one object once.

    ``account``: whose it is. ``admit`` is asked once the lease is held.

    Returns what happened: done, busy, crowded (not admitted), gone, settled, stale, away (a part it
    needs), failed.
    """
    function = _reconcilers.get(resource_type)
    if function is None:
        return "unknown"
    model = registry.spec_by_type(resource_type).model
    key = f"{resource_type}:{resource_id}"
    with actors.acting(actors.system("reconciler")), lease(key, account) as held:
        if held is None:
            return "busy"
        if admit is not None and not admit(account, resource_type, key):
            return "crowded"
        outcome = "again"
        end = time.monotonic() + (LONG_SECONDS if is_long(resource_type) else LOOK_SECONDS)
        for _round in range(ROUNDS):
            with outbox.looking(resource_type, resource_id) as mine:
                outcome = _bounded(model, function, resource_id, mine, end - time.monotonic())
            if not mine.again and held.is_over():
                break
        else:  # it still moves: others first
            _next_look(_rows(model, resource_id), 0.0, failures=None)
        return outcome


def _bounded(
    model: type[Any], function: Reconciler, resource_id: str, mine: outbox.Looking, seconds: float
) -> str:
    """One round, ended when the look's time is over: it then counts as one that failed."""
    try:
        with alarm.within(seconds):
            return _look_once(model, function, resource_id, mine)
    except alarm.TookTooLong:
        log.error("looking at %s %s takes too long", model.__name__, resource_id)
        mine.again = False
        if not connection.in_atomic_block:
            connection.close()  # it may have been interrupted in the middle of an answer
        _failed(_rows(model, resource_id), traceback.format_exc())
        return "failed"


def _look_once(
    model: type[Any], function: Reconciler, resource_id: str, mine: outbox.Looking
) -> str:
    rows = _rows(model, resource_id)
    obj = rows.first()
    if obj is None:
        return "gone"
    if obj.is_terminal:
        return "settled"
    try:
        wait = function(obj)
    except (StaleState, Conflict) as late:
        log.info("%s %s moved meanwhile: %s", model.__name__, resource_id, late)
        _next_look(rows, 0.2)
        return "stale"
    except Exception as error:
        if outage.of(error) is not None:
            # No fault of the object: it is not counted towards parking it.
            log.warning("%s %s waits: %s", model.__name__, resource_id, error)
            _next_look(rows, PERIOD, failures=None)
            return "away"
        log.exception("reconciling %s %s failed", model.__name__, resource_id)
        _failed(rows, traceback.format_exc())
        return "failed"
    if obj.is_terminal:
        mine.again = False
        return "done"
    if isinstance(wait, NotBefore):
        mine.again = False
    _next_look(rows, PERIOD if wait is None else wait)
    return "done"


def _rows(model: type[Any], resource_id: str) -> Any:
    return model.objects.unscoped("reconcile").filter(pk=resource_id)


def _next_look(rows: Any, seconds: float, *, failures: int | None = 0) -> None:
    """Come back in ``seconds``; ``failures`` None leaves the count as it is."""
    model = rows.model
    still = rows.exclude(phase__in=model.SETTLED | model.TERMINAL) | rows.filter(
        ~Q(desired="running"), phase__in=model.SETTLED
    )
    count = {} if failures is None else {"reconcile_failures": failures}
    still.update(next_look_at=timezone.now() + dt.timedelta(seconds=seconds), **count)


def _failed(rows: Any, trace: str) -> None:
    rows.update(next_look_at=timezone.now() + dt.timedelta(seconds=10))
    rows.filter(reconcile_failures__lt=POISON_AFTER).update(
        reconcile_failures=F("reconcile_failures") + 1
    )
    obj = rows.first()
    if obj is None or obj.reconcile_failures < POISON_AFTER:
        return
    if obj.is_settled:  # nothing of it goes on, so there is nothing to give up
        rows.update(next_look_at=None)
        return
    try:
        _park(obj, trace)
    except Conflict as late:
        log.warning("could not park %s: %s", obj, late)
    except Exception:
        # It stays as it is, with what it holds, and is tried again: none is parked that runs on.
        log.exception("could not let go of %s", obj)


def _park(obj: Any, trace: str) -> None:
    gave_up = messages.PARKED()
    with transaction.atomic():
        states.transition(
            obj,
            obj.PARKED,
            actor=actors.system("reconciler"),
            reason="RECONCILE_ERROR",
            message=gave_up,
            detail={"trace": trace[-4000:], "next": gave_up.next},
        )
        let_go = _let_go.get(obj._meta.label_lower)
        if let_go is not None:
            let_go(obj)


def due() -> Iterator[tuple[str, str]]:
    """(type, id) of objects whose next look is due: the oldest, and where there are more than one
    sweep asks for, the oldest of every account."""
    for label, _rows_of_type, found in _due():
        for pk, _account in found:
            yield label, str(pk)


def _due() -> Iterator[tuple[str, Any, list[tuple[Any, str]]]]:
    now = timezone.now()
    many = OutboxMessage.objects.order_by().values("account").annotate(n=Count("id"))
    full = [one["account"] for one in many.filter(n__gte=FULL)]
    turn = Window(RowNumber(), partition_by="account_id", order_by="next_look_at")
    for label, rows in _waiting():
        ready = rows.filter(next_look_at__lte=now).exclude(account_id__in=full)
        found = list(ready.values_list("pk", "account_id")[:SLICE])
        if len(found) == SLICE:
            each = ready.order_by().annotate(turn=turn).filter(turn__lte=EACH)
            ordered = each.order_by("turn", "next_look_at")
            found = list(ordered.values_list("pk", "account_id")[:SLICE])
        yield label, rows, found


def claim_due() -> list[tuple[str, str]]:
    """Write into the outbox what is due; it is not due again before REPEAT: one sweep asks for one
    look, not every sweep while the look waits for its turn. A look that is lost costs REPEAT
    seconds."""
    _after_a_step_back()
    claimed = []
    now = timezone.now()
    later = now + dt.timedelta(seconds=REPEAT)
    for label, rows, found in _due():
        ids = [str(pk) for pk, _account in found]
        same = OutboxMessage.objects.filter(resource_type=label, resource_id__in=ids)
        there = set(same.values_list("resource_id", flat=True))
        OutboxMessage.objects.bulk_create(
            OutboxMessage(
                account=account, resource_type=label, resource_id=str(pk), published_at=now
            )
            for pk, account in found
            if str(pk) not in there
        )
        if ids:
            rows.filter(pk__in=ids, next_look_at__lte=timezone.now()).update(next_look_at=later)
        claimed += [(label, pk) for pk in ids]
    return claimed


def _waiting() -> Iterator[tuple[str, Any]]:
    for label in _reconcilers:
        model: Any = registry.spec_by_type(label).model
        rows = model.objects.unscoped("sweep").exclude(phase__in=model.TERMINAL)
        yield label, rows.order_by("next_look_at")


_ahead: float | None = None  # wall clock minus monotonic clock at the last sweep
STEP = 2.0  # seconds that a clock may drift between two sweeps without having been set


def _after_a_step_back() -> None:
    """Objects planned by a clock that has been set back since would wait as much longer."""
    global _ahead
    now, before = time.time() - time.monotonic(), _ahead
    _ahead = now
    if before is None or now > before - STEP:
        return
    log.warning("the clock went back %.0f s; everything planned meanwhile is due", before - now)
    here = timezone.now()
    until = here + dt.timedelta(seconds=before - now + REPEAT)
    for _label, rows in _waiting():
        rows.filter(next_look_at__gt=here, next_look_at__lte=until).order_by().update(
            next_look_at=here
        )

"""Reconcilers: level-triggered, one at a time per object, safe to run at any moment and twice."""

from __future__ import annotations

import datetime as dt
import logging
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from core import actor as actors
from core import registry, states
from core.errors import Conflict, StaleState
from core.models import Lease

log = logging.getLogger("modelyard.reconcile")

#: obj -> seconds until the next look, or None for the default period
Reconciler = Callable[[Any], float | None]

PERIOD = 2.0  # seconds between looks at an object that is not settled
LEASE_SECONDS = 58  # a task has less time than this
POISON_AFTER = 5  # reconcile exceptions in a row before an object is parked

_reconcilers: dict[str, Reconciler] = {}


def reconciler(model: type[Any]) -> Callable[[Reconciler], Reconciler]:
    """Declare the function that looks after one stateful model."""

    def declare(function: Reconciler) -> Reconciler:
        _reconcilers[model._meta.label_lower] = function
        return function

    return declare


def declared() -> dict[str, Reconciler]:
    return dict(_reconcilers)


@contextmanager
def lease(key: str) -> Iterator[str | None]:
    """Hold the right to look at ``key``, or yield None where somebody else holds it."""
    holder = uuid.uuid4().hex
    yield holder if _acquire(key, holder) else None
    Lease.objects.filter(key=key, holder=holder).delete()


def _acquire(key: str, holder: str) -> bool:
    now = timezone.now()
    until = now + dt.timedelta(seconds=LEASE_SECONDS)
    try:
        with transaction.atomic():
            Lease.objects.create(key=key, holder=holder, expires_at=until)
        return True
    except IntegrityError:
        pass
    taken = Lease.objects.filter(key=key, expires_at__lt=now).update(
        holder=holder, expires_at=until, again=False
    )
    if not taken:
        Lease.objects.filter(key=key).update(again=True)
    return bool(taken)


def look(resource_type: str, resource_id: str) -> str:
    """Look at one object once. Returns what happened: done, busy, gone, settled, stale, failed."""
    function = _reconcilers.get(resource_type)
    if function is None:
        return "unknown"
    model = registry.spec_by_type(resource_type).model
    key = f"{resource_type}:{resource_id}"
    with actors.acting(actors.system("reconciler")), lease(key) as holder:
        if holder is None:
            return "busy"
        outcome = "again"
        for _round in range(3):
            outcome = _look_once(model, function, resource_id)
            if not Lease.objects.filter(key=key, holder=holder, again=True).update(again=False):
                break
        return outcome


def _look_once(model: type[Any], function: Reconciler, resource_id: str) -> str:
    rows = model.objects.unscoped("reconcile").filter(pk=resource_id)
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
    except Exception:
        log.exception("reconciling %s %s failed", model.__name__, resource_id)
        _failed(rows, traceback.format_exc())
        return "failed"
    _next_look(rows, PERIOD if wait is None else wait)
    return "done"


def _next_look(rows: Any, seconds: float) -> None:
    model = rows.model
    still = rows.exclude(phase__in=model.SETTLED | model.TERMINAL) | rows.filter(
        ~Q(desired="running"), phase__in=model.SETTLED
    )
    still.update(next_look_at=timezone.now() + dt.timedelta(seconds=seconds), reconcile_failures=0)


def _failed(rows: Any, trace: str) -> None:
    rows.update(
        reconcile_failures=F("reconcile_failures") + 1,
        next_look_at=timezone.now() + dt.timedelta(seconds=10),
    )
    obj = rows.first()
    if obj is None or obj.reconcile_failures < POISON_AFTER:
        return
    try:
        states.transition(
            obj,
            obj.PARKED,
            actor=actors.system("reconciler"),
            reason="RECONCILE_ERROR",
            message="The platform could not look after this object; the operator has the trace.",
            detail={"trace": trace[-4000:]},
        )
    except Conflict as late:
        log.warning("could not park %s: %s", obj, late)


def due() -> Iterator[tuple[str, str]]:
    """(type, id) of every object whose next look is due, oldest first."""
    now = timezone.now()
    for label in _reconcilers:
        model: Any = registry.spec_by_type(label).model
        rows = (
            model.objects.unscoped("sweep")
            .filter(next_look_at__lte=now)
            .exclude(phase__in=model.TERMINAL)
            .order_by("next_look_at")
            .values_list("pk", flat=True)[:500]
        )
        for pk in rows:
            yield label, str(pk)

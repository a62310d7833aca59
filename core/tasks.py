"""Celery tasks of the kernel. They carry ids, are short, and may run twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery import current_app, shared_task
from celery.signals import beat_init, worker_init
from django.db import connections
from django.utils import timezone

from core import installation, outbox, reconcile, statistics, turns
from core.models import IdempotencyRecord

KEPT = dt.timedelta(hours=24)


@worker_init.connect
@beat_init.connect
def refuse_strangers(**_signal: Any) -> None:
    """A worker or a clock started by hand looks as ./run does: where database and stores do not
    belong together it ends with the sentence that says what happened."""
    try:
        found = installation.find_mismatch()
    finally:
        connections.close_all()  # what forks from here must not share a connection
    if found is not None:
        raise SystemExit(f"Not started. {found}")


@shared_task(name="core.look", acks_late=True, ignore_result=True)
def look(resource_type: str = "", resource_id: str = "") -> int:
    """Let the reconcilers look at what waits. The message says that something does, and which
    object it was sent for; whose turn it is decides ``core.turns``."""
    del resource_type, resource_id
    return turns.work()


@shared_task(name="core.sweep", ignore_result=True)
def sweep() -> int:
    """Publish a look for everything that is due, and what the outbox still holds."""
    reconcile.release_left()
    sent = outbox.sweep()
    reconcile.claim_due()
    return max(sent, turns.call())


@shared_task(name="core.forget", ignore_result=True)
def forget() -> int:
    """Drop stored answers that are older than their promise."""
    turns.forget()
    gone, _kinds = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return gone


@shared_task(name="core.pulse", ignore_result=True)
def pulse() -> bool:
    """Let the generation of this installation grow; one at a time over all workers."""
    with reconcile.lease("core.pulse") as holder:
        return holder is not None and installation.pulse()


@shared_task(name="core.analyze", ignore_result=True)
def analyze() -> int:
    """Tell PostgreSQL's planner about the small tables."""
    return len(statistics.refresh())


def publish(resource_type: str, resource_id: str) -> None:
    """Publisher of the outbox: hand the look to the broker."""
    current_app.send_task("core.look", args=[resource_type, resource_id], retry=False)

"""Celery tasks of the kernel. They carry ids, are short, and may run twice."""

from __future__ import annotations

import datetime as dt

from celery import current_app, shared_task
from django.utils import timezone

from core import installation, outbox, reconcile, statistics
from core.models import IdempotencyRecord

KEPT = dt.timedelta(hours=24)


@shared_task(name="core.look", acks_late=True, ignore_result=True)
def look(resource_type: str, resource_id: str) -> str:
    """Let the reconciler of ``resource_type`` look at one object."""
    return reconcile.look(resource_type, resource_id)


@shared_task(name="core.sweep", ignore_result=True)
def sweep() -> int:
    """Publish a look for everything that is due, and what the outbox still holds."""
    reconcile.release_left()
    sent = outbox.sweep()
    for resource_type, resource_id in reconcile.claim_due():
        look.delay(resource_type, resource_id)
        sent += 1
    return sent


@shared_task(name="core.forget", ignore_result=True)
def forget() -> int:
    """Drop stored answers that are older than their promise."""
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

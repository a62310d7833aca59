"""Celery tasks of this room. They carry nothing and may run twice."""

from __future__ import annotations

from celery import shared_task

from core import reconcile
from storage.blob import sweeping


@shared_task(name="storage.sweep", ignore_result=True)
def sweep() -> str:
    """Move bytes that nothing refers to into the trash; one at a time over all workers."""
    with reconcile.lease("storage.sweep") as holder:
        if holder is None:
            return "busy"
        return str(sweeping.sweep())

"""Celery tasks of this room. They carry nothing and may run twice."""

from __future__ import annotations

from celery import shared_task

from core import reconcile
from storage.blob import services


@shared_task(name="storage.sweep", ignore_result=True)
def sweep() -> str:
    """Remove bytes that nothing refers to; one at a time over all workers."""
    with reconcile.lease("storage.sweep") as holder:
        if holder is None:
            return "busy"
        orphans, partial = services.sweep()
        return f"{orphans} orphans, {partial} partial"

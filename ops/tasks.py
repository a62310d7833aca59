"""Celery tasks of this room. They carry nothing and may run twice."""

from __future__ import annotations

from celery import shared_task

from core import reconcile
from ops import schedule


@shared_task(name="ops.backup", ignore_result=True)
def backup() -> str:
    """Start a planned backup when one is due, and write down what became of killed ones."""
    with reconcile.lease("ops.backup") as holder:
        return "busy" if holder is None else schedule.look()

"""Celery tasks of this room. They carry nothing and may run twice."""

from __future__ import annotations

from celery import shared_task

from compute import attempts


@shared_task(name="compute.sweep", ignore_result=True)
def sweep() -> str:
    """Look for processes nobody wants, old working files and slots without an attempt."""
    return str(attempts.sweep())

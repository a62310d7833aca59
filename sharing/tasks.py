"""Celery tasks of the sharing room."""

from __future__ import annotations

from celery import shared_task

from sharing.rate import services as rates


@shared_task(name="sharing.forget", ignore_result=True)
def forget() -> int:
    """Drop counts of windows that are over; returns how many."""
    return rates.sweep()

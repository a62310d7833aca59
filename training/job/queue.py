"""Who waits for room in a pool, and in which order: priority, then age."""

from __future__ import annotations

from typing import Any

from core import outbox
from training.job.models import TrainingJob


def _pending(pool: str) -> Any:
    rows = TrainingJob.objects.unscoped("queue order")
    return rows.filter(phase=TrainingJob.Phase.PENDING, pool=pool)


def others_first(job: TrainingJob) -> bool:
    """Whether a waiting job of the same pool comes before this one."""
    waiting = _pending(job.pool).filter(reason="NO_CAPACITY")
    ahead = waiting.filter(priority__gt=job.priority) | waiting.filter(
        priority=job.priority, created_at__lt=job.created_at
    )
    return bool(ahead.exclude(pk=job.pk).exists())


def call_next(pool: str) -> None:
    """Look at the first who waits: there may be room now. Nobody waits for his next turn to look
    while a slot is free."""
    ready = _pending(pool).exclude(reason="ENGINE_BUILDING")
    first = ready.order_by("-priority", "created_at").first()
    if first is not None:
        outbox.poke(first)

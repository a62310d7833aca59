"""Who waits for room in a pool, and in which order: priority, then age."""

from __future__ import annotations

from typing import Any

from core import outbox
from training.job.models import TrainingJob

NEAR = 20
NEAR_SECONDS, FAR_SECONDS = 5.0, 60.0


def _pending(pool: str) -> Any:
    rows = TrainingJob.objects.unscoped("queue order")
    return rows.filter(phase=TrainingJob.Phase.PENDING, pool=pool)


def pause(job: TrainingJob) -> float:
    """Seconds until a job should look again at whether it is the first who waits in its pool; 0.0
    where it is. It is called when it becomes the first, so this is for what went unsaid."""
    before = _before(job)
    if not before.filter(reason="NO_CAPACITY").exists():
        return 0.0
    near = before[:NEAR].count() < NEAR  # of thousands, few are worth a look
    return NEAR_SECONDS if near else FAR_SECONDS


def _before(job: TrainingJob) -> Any:
    waiting = _pending(job.pool).exclude(pk=job.pk)
    return waiting.filter(priority__gt=job.priority) | waiting.filter(
        priority=job.priority, created_at__lt=job.created_at
    )


def call_next(pool: str) -> None:
    """Look at the first that waits: there may be capacity now. No job waits for its next look
    while a slot is free."""
    ready = _pending(pool).exclude(reason="ENGINE_BUILDING")
    first = ready.order_by("-priority", "created_at").first()
    if first is not None:
        outbox.poke(first)

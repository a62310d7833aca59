"""The end of an attempt and of a job: what is recorded, and what is let go."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import services as accounts
from compute import local
from compute.backends.base import UnknownAttempt
from compute.slot import services as slots
from core import actor as actors
from core import states
from training.job import launch, queue, watch
from training.job.models import Attempt, OutputClaim, TrainingJob


def system() -> actors.Actor:
    """Who a reconciler of jobs acts as."""
    return actors.system("training")


def close(attempt: Attempt, reason: str, exit_code: int | None, report: dict[str, Any]) -> None:
    attempt.ended_at = timezone.now()
    attempt.end_reason = reason
    attempt.exit_code = exit_code
    attempt.report = watch.kept(report)
    attempt.save(update_fields=["ended_at", "end_reason", "exit_code", "report"])
    slots.release(attempt.pk)
    queue.call_next(attempt.job.pool)
    local.forget_credential(str(attempt.pk))


def end(
    job: TrainingJob,
    phase: str,
    reason: str,
    message: str,
    *,
    next: str = "",
    detail: dict[str, Any] | None = None,
) -> float | None:
    """Move to a terminal phase and let go of everything the job held."""
    with transaction.atomic():
        states.transition(
            job,
            phase,
            actor=system(),
            reason=reason,
            message=message,
            detail={
                **(detail or {}),
                "next": next or getattr(message, "next", "") or watch.next_step(reason),
            },
            ended_at=timezone.now(),
        )
        _release(job, reason)
    return None


def _release(job: TrainingJob, reason: str) -> None:
    claims = OutputClaim.objects.filter(job=job)
    claims._raw_delete(claims.db)  # nothing refers to a claim, so there is nothing to collect first
    for attempt in Attempt.objects.filter(job=job, ended_at__isnull=True):
        close(attempt, reason, None, {})
    accounts.revoke_credentials(launch.bound_to(job))


def fence(attempt: Attempt) -> None:
    """Outrank a runner that may still be there, and end what a dead one left: its sandbox may have
    been half made. Nothing can be where the directory is gone."""
    try:
        local.current().fence(str(attempt.pk), attempt.number + 1)
    except UnknownAttempt:
        return
    local.current().kill(str(attempt.pk))


def let_go(job: TrainingJob) -> None:
    """End what a job runs and give back what it holds, when no reconciler looks after it any
    more."""
    for attempt in Attempt.objects.filter(job=job, ended_at__isnull=True):
        fence(attempt)
    states.observed(job, ended_at=timezone.now())
    _release(job, job.reason)

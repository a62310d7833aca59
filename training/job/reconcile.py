"""The reconciler of training jobs: compares what is wanted with what is seen, takes one step.

Crash safety: the attempt row, the slot and the move to Running are one transaction; launching comes
after it and is idempotent by attempt id, so a crash in between costs one look, not a job.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from compute import attempts, local
from compute import environment as engines
from compute.attempts import PLATFORM_STOPPED
from compute.backends.base import BackendError, Observation
from compute.runner.spec import SpecError
from compute.slot import services as slots
from core import states
from core.models import Event
from core.reconcile import NotBefore, reconciler
from core.sealed import Unsealable
from sharing import trail
from training import messages
from training.job import launch, queue, share, upload, watch
from training.job.ending import close, end, fence, let_go, system
from training.job.models import Attempt, TrainingJob

PLATFORM_REASONS = frozenset(
    {"NODE_LOST", "RUNNER_LOST", "HOST_DISK_FULL"}
)  # retried; user errors are not
#: what a runner gives as its reason when it was told to stop
STOPS = frozenset({"STOPPED_BY_USER", PLATFORM_STOPPED})
RETRIES = 3
Phase = TrainingJob.Phase


@reconciler(TrainingJob, let_go=let_go)
def reconcile(job: TrainingJob) -> float | None:
    """One step. Returns seconds until the next look, None for the default."""
    step = {
        Phase.CREATING: _creating,
        Phase.PENDING: _pending,
        Phase.RUNNING: _running,
        Phase.TERMINATING: _terminating,
        Phase.ABNORMAL: _abnormal,
    }[Phase(job.phase)]
    return step(job)


def _creating(job: TrainingJob) -> float | None:
    if job.desired == "stopped":
        return end(job, Phase.TERMINATED, "STOPPED_BY_USER", messages.STOPPED_EARLY())
    if share.has_ended(job):
        return _share_ended(job)
    states.transition(
        job, Phase.PENDING, actor=system(), secondary="Queuing", message=messages.WAITING()
    )
    return _pending(job)


def _pending(job: TrainingJob) -> float | None:
    if job.desired == "stopped":
        return end(job, Phase.TERMINATED, "STOPPED_BY_USER", messages.STOPPED_EARLY())
    if share.has_ended(job):
        return _share_ended(job)
    if job.deadline_at and timezone.now() > job.deadline_at:
        return end(
            job,
            Phase.FAILED,
            "QUEUE_TIMEOUT",
            messages.WAITED_TOO_LONG(shortage=slots.shortage(job.pool, job.flavor)),
        )
    engine = engines.ensure(job.engine)
    if engine.failed:
        return end(
            job,
            Phase.FAILED,
            "ENGINE_FAILED",
            messages.ENGINE_FAILED(engine=job.engine, why=engine.message),
        )
    if not engine.ready:
        _waiting(
            job,
            "ENGINE_BUILDING",
            messages.ENGINE_BUILDING(
                engine=job.engine, percent=engine.percent, stage=engine.message
            ),
        )
        return 0.5
    if seconds := queue.pause(job):
        return seconds
    attempt = Attempt(
        job=job,
        number=Attempt.objects.filter(job=job).count() + 1,
        **local.place(job.pool, job.engine),
    )
    with transaction.atomic():
        if slots.take(job.pool, job.flavor, attempt.pk, job) is None:
            slot = None
        else:
            slot = attempt
            # The move comes first: of two that look at once, one is refused here and takes nothing.
            states.transition(
                job,
                Phase.RUNNING,
                actor=system(),
                secondary="Preparing",
                message=messages.PREPARING(),
                started_at=job.started_at or timezone.now(),
                observed_at=timezone.now(),
            )
            attempt.save(force_insert=True)
    if slot is None:
        attempts.make_room(slots.disk_lacking(job.pool, job.flavor))
        _waiting(job, "NO_CAPACITY", slots.shortage(job.pool, job.flavor))
        return 1.0
    queue.call_next(job.pool)
    return _launch(job, attempt)


def _share_ended(job: TrainingJob) -> float | None:
    with transaction.atomic():
        trail.share_ended(system(), job, messages.SHARE_ENDED())
        return end(job, Phase.FAILED, share.ENDED, messages.SHARE_ENDED())


def _waiting(job: TrainingJob, reason: str, message: str) -> None:
    """Say what is waited for, without a new event for every percent."""
    if job.reason == reason:
        states.observed(job, message=message)
    else:
        states.transition(
            job, Phase.PENDING, actor=system(), secondary="Queuing", reason=reason, message=message
        )


def _launch(job: TrainingJob, attempt: Attempt) -> float | None:
    try:
        credential_file = launch.credential(job, attempt)
        spec = launch.run_spec(job, attempt, engines.path(job.engine), credential_file)
        local.current().launch(spec)
    except launch.AuthorisationLost as lost:
        return end(job, Phase.FAILED, lost.code, lost.message, next=lost.hint)
    except (BackendError, SpecError, Unsealable) as error:
        return end(job, Phase.FAILED, "LAUNCH_FAILED", str(error))
    return NotBefore(0.2)


def _running(job: TrainingJob) -> float | None:
    attempt = job.attempt
    if attempt is None:
        return end(job, Phase.FAILED, "LAUNCH_FAILED", messages.NO_ATTEMPT())
    seen = local.current().observe(str(attempt.pk))
    if upload.was_asked(attempt) and not upload.has_begun(attempt, seen):
        return upload.again(job, attempt)
    if seen.phase == "missing":
        return _launch(job, attempt)
    watch.ingest(job, attempt)
    if seen.phase == "exited":
        return _ended(job, attempt, seen)
    if seen.phase == "lost":
        return _lost(job, attempt, seen)
    if job.desired == "stopped":
        states.transition(
            job,
            Phase.TERMINATING,
            actor=system(),
            reason="STOPPED_BY_USER",
            message=messages.STOPPING(),
        )
        local.current().stop(str(attempt.pk))
        return 0.3
    if seen.heartbeat_age is not None and seen.heartbeat_age > job.HEARTBEATS["Running"]:
        states.transition(
            job,
            Phase.ABNORMAL,
            actor=system(),
            secondary="Lost",
            reason="NO_HEARTBEAT",
            message=messages.NO_HEARTBEAT(seconds=seen.heartbeat_age),
        )
        return 5.0
    _watch(job, attempt, seen)
    return 0.5 if seen.phase in ("preparing", "uploading", "launching") else 1.0


def _watch(job: TrainingJob, attempt: Attempt, seen: Observation) -> None:
    secondary = watch.secondary(seen)
    if secondary != job.secondary:
        if secondary == "Running" and attempt.running_at is None:
            attempt.running_at = timezone.now()
            attempt.save(update_fields=["running_at"])
        states.transition(
            job,
            Phase.RUNNING,
            actor=system(),
            secondary=secondary,
            message=watch.sentence(secondary),
            observed_at=timezone.now(),
        )
    else:
        states.observed(job)
    try:
        launch.renew(job, attempt)
    except launch.AuthorisationLost as lost:
        if job.reason != lost.code:  # said once, and shown as long as it is so
            states.transition(
                job, job.phase, actor=system(), reason=lost.code, message=lost.message
            )


def _terminating(job: TrainingJob) -> float | None:
    attempt = job.attempt
    if attempt is None:
        return end(job, Phase.TERMINATED, job.reason, job.told_message)
    seen = local.current().observe(str(attempt.pk))
    watch.ingest(job, attempt)
    if seen.phase == "exited":
        return _ended(job, attempt, seen)
    if seen.final:
        fence(attempt)
        return end(job, Phase.TERMINATED, job.reason or "STOPPED_BY_USER", messages.STOPPED())
    if job.deadline_at and timezone.now() > job.deadline_at:
        local.current().kill(str(attempt.pk))
        slots.mark_dirty(attempt.pk)
        states.transition(
            job,
            Phase.ABNORMAL,
            actor=system(),
            reason="TERMINATE_FAILED",
            message=messages.TERMINATE_FAILED(),
        )
        return 5.0
    local.current().stop(str(attempt.pk))
    return 0.3


def _abnormal(job: TrainingJob) -> float | None:
    attempt = job.attempt
    seen = local.current().observe(str(attempt.pk)) if attempt else None
    if attempt is None or seen is None or seen.phase in ("missing", "lost"):
        return _lost(job, attempt, seen)
    if seen.phase == "exited":
        return _ended(job, attempt, seen)
    if job.desired == "stopped":
        states.transition(job, Phase.TERMINATING, actor=system(), reason="STOPPED_BY_USER")
        local.current().stop(str(attempt.pk))
        return 0.3
    silent = seen.heartbeat_age is None or seen.heartbeat_age > job.HEARTBEATS["Running"]
    if not silent and job.reason == "NO_HEARTBEAT":
        states.transition(
            job,
            Phase.RUNNING,
            actor=system(),
            secondary=watch.secondary(seen),
            message=messages.REPORTS_AGAIN(),
        )
        return 0.5
    if job.deadline_at and timezone.now() > job.deadline_at:
        local.current().kill(str(attempt.pk))
        return 1.0
    return 5.0


def _lost(
    job: TrainingJob, attempt: Attempt | None, seen: Observation | None = None
) -> float | None:
    """The runner is gone and its sandbox with it: try again, a bounded number of times."""
    if attempt is not None and upload.was_asked(attempt):
        return upload.failed(job, attempt, messages.UPLOADER_LOST())
    interrupted = seen is not None and seen.state.get("reason_code") == PLATFORM_STOPPED
    if attempt is not None:
        fence(attempt)
        close(attempt, PLATFORM_STOPPED if interrupted else "RUNNER_LOST", None, {})
    if not _wanted(job):
        return end(job, Phase.TERMINATED, "STOPPED_BY_USER", messages.STOPPED())
    if interrupted:
        return _interrupted(job)
    spent = _spent(job)
    if spent > RETRIES:
        return end(job, Phase.FAILED, "NODE_LOST", messages.NODE_LOST(spent=spent))
    states.note(
        job,
        "RUNNER_LOST",
        messages.RETRYING(number=attempt.number if attempt else 0, spent=spent, retries=RETRIES),
        level=Event.Level.WARNING,
    )
    states.transition(
        job,
        Phase.PENDING,
        actor=system(),
        secondary="Restarting",
        reason="RUNNER_LOST",
        message=messages.STARTING_AGAIN(),
    )
    return 0.2


def _spent(job: TrainingJob) -> int:
    """Attempts that ended through the platform's fault."""
    return Attempt.objects.filter(job=job, end_reason__in=PLATFORM_REASONS).count()


def _again(job: TrainingJob, reason: str, message: str) -> float | None:
    """Wait for a slot again: the host could not keep what the slot promised."""
    states.transition(
        job, Phase.PENDING, actor=system(), secondary="Restarting", reason=reason, message=message
    )
    return 1.0


def _wanted(job: TrainingJob) -> bool:
    """Whether the job is to go on."""
    return job.desired != "stopped" and job.phase != Phase.TERMINATING


def _interrupted(job: TrainingJob) -> float | None:
    """The platform stopped the attempt: wait for a slot again. Not counted as a retry."""
    states.transition(
        job,
        Phase.PENDING,
        actor=system(),
        secondary="Restarting",
        reason=PLATFORM_STOPPED,
        message=messages.INTERRUPTED(),
    )
    return 0.2


def _ended(job: TrainingJob, attempt: Attempt, seen: Observation) -> float | None:
    """The runner reported the end: its verdict becomes the job's."""
    report = upload.whole(attempt, seen.state)
    if not watch.ingest(job, attempt):
        states.observed(job)
        return 0.05
    reason = report.get("reason_code") or ""
    if report.get("outcome") == "stopped" and reason in STOPS and _wanted(job):
        # This job was not asked to stop, so the whole installation was stopped.
        close(attempt, PLATFORM_STOPPED, report.get("exit_code"), report)
        return _interrupted(job)
    close(attempt, reason, report.get("exit_code"), report)
    if reason == "HOST_DISK_FULL" and _wanted(job) and _spent(job) <= RETRIES:
        return _again(job, reason, watch.said(report))
    detail = watch.proof(report)
    if report.get("outcome") == "succeeded":
        message = watch.summary(report)
        return end(job, Phase.COMPLETED, "", message, detail=detail)
    if report.get("outcome") == "stopped":
        return end(
            job,
            Phase.TERMINATED,
            reason or "STOPPED_BY_USER",
            watch.said(report) or messages.STOPPED(),
            detail=detail,
        )
    return end(
        job,
        Phase.FAILED,
        reason or "USER_CODE",
        watch.said(report) or messages.FAILED(),
        detail=detail,
    )

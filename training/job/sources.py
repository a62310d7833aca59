"""Training jobs as sources of models."""

from __future__ import annotations

from console.choices import Rows
from core import regions, services, states
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from registry.model import sources
from registry.model.models import Model
from training import messages
from training.job.models import TrainingJob

OVER = ("Completed", "Terminated")


def resolve(actor: Actor, job_id: str) -> sources.Source:
    """The files below ``model/`` that the last attempt of a finished job uploaded and verified, of
    the first output that has some. Raises ValidationFailed."""
    try:
        job: TrainingJob = services.visible(TrainingJob, actor, pk=job_id)
    except NotFound:
        raise ValidationFailed.of("training_job", messages.JOB_MISSING()) from None
    regions.require(job, actor.region, Model, field="training_job")
    if job.phase not in OVER:
        raise ValidationFailed.of(
            "training_job", messages.JOB_NOT_OVER(job=job, phase=states.phase_word(job))
        )
    report = job.attempt.report if job.attempt is not None else {}
    wrote = report.get("uploaded") or []
    for item in job.outputs:
        files = {
            entry["key"]: entry["sha256"]
            for entry in wrote
            if entry["output"] == item["name"] and entry["path"].startswith("model/")
        }
        if not files:
            continue
        if report.get("uploaded_count", 0) > len(wrote) and wrote[-1]["path"].startswith("model/"):
            raise ValidationFailed.of("training_job", messages.TOO_MANY_FILES(job=job))
        return sources.Source(
            item["bucket"],
            item["prefix"],
            "training_job",
            training_job=str(job.pk),
            files=files,
        )
    raise ValidationFailed.of("training_job", messages.NO_MODEL_DIRECTORY(job=job))


def rows(actor: Actor) -> Rows:
    """Finished jobs, newest first."""
    jobs = TrainingJob.objects.own(actor, "list").filter(region=actor.region, phase__in=OVER)
    return Rows(jobs, text=lambda job: f"{job.name} ({job.Phase(job.phase).label})")


sources.register("training_job", resolve)
sources.register_rows("training_job", rows)

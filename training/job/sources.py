"""Training jobs as sources of models."""

from __future__ import annotations

from core import regions, services
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from registry.model import sources
from storage.bucket import queries as buckets
from storage.object import listing
from training.job.models import TrainingJob


def resolve(actor: Actor, job_id: str) -> sources.Source:
    """The output of a finished job that holds ``model/``. Raises ValidationFailed."""
    try:
        job: TrainingJob = services.visible(TrainingJob, actor, pk=job_id)
    except NotFound:
        raise ValidationFailed.of(
            "training_job", "No such training job.", code="JOB_MISSING"
        ) from None
    regions.require(job, actor.region, "model", field="training_job")
    if job.phase not in ("Completed", "Terminated"):
        raise ValidationFailed.of(
            "training_job",
            f"Training job “{job}” is {job.phase}; its outputs are not complete.",
            code="JOB_NOT_OVER",
            next="Wait until it is Completed.",
        )
    for item in job.outputs:
        try:
            bucket = buckets.bucket_named(actor, item["bucket"])
        except NotFound:
            continue
        rows = listing.visible_rows(actor).filter(bucket=bucket)
        if listing.in_prefix(rows, f"{item['prefix']}model/").exists():
            return sources.Source(
                item["bucket"], item["prefix"], "training_job", training_job=str(job.pk)
            )
    raise ValidationFailed.of(
        "training_job",
        f"Training job “{job}” wrote no directory “model” to its outputs.",
        code="NO_MODEL_DIRECTORY",
        next="The script saves weights, config.json and customize_service.py below "
        "<output>/model/.",
    )


def choices(actor: Actor) -> list[tuple[str, str]]:
    """Finished jobs, newest first."""
    rows = TrainingJob.objects.own(actor, "list").filter(
        region=actor.region, phase__in=("Completed", "Terminated")
    )
    return [
        (str(job.pk), f"{job.name} ({job.Phase(job.phase).label})")
        for job in rows.order_by("-created_at")[:200]
    ]


sources.register("training_job", resolve)
sources.register_choices("training_job", choices)

"""What pages show of training jobs."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import status_of
from console.pages.references import lineage_tab, used_by_tab
from console.screens import Button, Column, Item, Link, Panel, Screen, Tab
from console.ui.format import exact_time
from console.ui.html import duration, status_chip, time
from core import access
from training.job import checks, metrics, overview, preview, upload, values
from training.job.api import JobViewSet
from training.job.forms import JobEditForm, JobForm, RerunForm
from training.job.models import Attempt, MetricPoint, TrainingJob
from training.job.pages import LogDownloadPage, LogPage, MetricsPage


def panels(job: TrainingJob, actor: Any) -> list[Panel]:
    """Overview: what runs, on what, from where to where."""
    until = upload.kept_until(job)
    kept = (Item(_("Files kept on the host until"), exact_time(until)),) if until else ()
    parameters = _shown(job, "hyperparameters", actor, "--")
    variables = _shown(job, "environment", actor, "")
    return [
        Panel(
            _("Program"),
            (
                Item(_("Code directory"), f"obs://{job.code_bucket}/{job.code_prefix}"),
                Item(_("Boot file"), job.boot_file),
                Item(_("Engine"), job.engine),
                *(
                    Item(_("Warning"), checks.warning(job, problem).told())
                    for problem in job.problems
                ),
                Item(_("Flavor"), job.flavor),
                Item(_("Resource pool"), job.pool),
                Item(_("Time limit"), duration(job.max_duration)),
                Item(_("Priority"), job.priority),
            ),
            icon="code",
        ),
        *(
            [Panel(_("Hyperparameters"), kept + parameters, icon="adjustments")]
            if kept + parameters
            else []
        ),
        *([Panel(_("Environment variables"), variables, icon="variable")] if variables else []),
        overview.places(job, actor),
        Panel(
            _("Attempts"),
            template="training/trainingjob/attempts.html",
            icon="history",
            context={"attempts": Attempt.objects.filter(job_id=job.pk)},
            span=12,
        ),
    ]


def _shown(job: TrainingJob, kind: str, actor: Any, sign: str) -> tuple[Item, ...]:
    """Names with what this reader may see of the values."""
    hidden = _("only the user who submitted the job sees the value")
    if values.readable(job, actor):
        hidden = _("flag, without a value")
    secret = _("secret, set %(when)s") % {"when": exact_time(job.created_at)}
    return tuple(
        Item(f"{sign}{name}", hidden if value is None else value)
        for name, value in values.shown(job, kind, actor).items()
    ) + tuple(Item(f"{sign}{name}", secret) for name in values.secret_names(job, kind))


def metric_context(request: Any, job: TrainingJob) -> dict[str, Any]:
    """Which plots to draw: metrics of one kind (train and validation loss) share one."""
    names = set(MetricPoint.objects.filter(job_id=job.pk).values_list("name", flat=True))
    groups = sorted({metrics.kind(name) for name in names}, key=metrics.kind_order)
    return {"groups": groups, "live": not job.is_terminal}


def log_context(request: Any, job: TrainingJob) -> dict[str, Any]:
    return {"attempts": Attempt.objects.filter(job_id=job.pk), "live": not job.is_terminal}


def output_context(request: Any, job: TrainingJob) -> dict[str, Any]:
    """Files the job uploaded, with digests."""
    attempt = job.attempt
    return {
        "uploaded": (attempt.report or {}).get("uploaded", []) if attempt else [],
        "fetched": (attempt.report or {}).get("fetched", []) if attempt else [],
    }


def live_token(job: TrainingJob) -> str:
    """Moves when a point or a line arrives, so that open plots refresh."""
    last = MetricPoint.objects.filter(job_id=job.pk).order_by("-id").values_list("id", flat=True)
    return f"{last.first() or 0}"


def links(job: TrainingJob, actor: Any) -> list[Link]:
    """Register the model, once the job has left one."""
    if job.phase != "Completed" or not access.decide(actor, "modelarts:model:create").allowed:
        return []
    url = f"/models/new?training_job={job.pk}"
    return [Link(_("Register model"), url, "package", "primary")]


screens.register(
    Screen(
        model=TrainingJob,
        icon="player-play",
        description=_("Your own code on your own data, in a sandbox, watched until it is over."),
        empty_title=_("No training job yet"),
        empty_text=_("Put a script and data into a bucket, then train with them."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("phase", _("Status"), render=lambda j: status_chip(status_of(j)), sort="phase"),
            Column("engine", _("Engine"), sort="engine"),
            Column("flavor", _("Flavor")),
            Column(
                "duration",
                _("Duration"),
                render=lambda j: duration(j.duration_seconds),
                align="end",
            ),
            Column("created_by", _("Created by")),
            Column(
                "created_at", _("Created"), render=lambda j: time(j.created_at), sort="created_at"
            ),
        ),
        buttons={
            "stop": Button(
                icon="player-stop",
                tone="warning",
                confirm=_(
                    "The program gets some seconds to save its work; what it wrote to its "
                    "output path is kept."
                ),
            ),
            "retry-upload": Button(
                icon="upload",
                tone="primary",
                confirm=_(
                    "The files that the job wrote are still on the host. Those that are missing in "
                    "the output path are uploaded and verified; nothing is trained again."
                ),
            ),
            "rerun": Button(
                icon="refresh",
                confirm=_("A new job with the same code, data and settings."),
                form=RerunForm,
                inventory=preview.rerun,
            ),
        },
        tabs=(
            Tab("metrics", _("Metrics"), "training/trainingjob/metrics.html", metric_context),
            Tab(
                "logs",
                _("Logs"),
                "training/trainingjob/logs.html",
                log_context,
                action="modelarts:trainJob:logExport",
            ),
            Tab("outputs", _("Files"), "training/trainingjob/outputs.html", output_context),
            used_by_tab(_("Models that are registered from it will be listed.")),
            lineage_tab(),
        ),
        panels=panels,
        links=links,
        form=JobForm,
        edit_form=JobEditForm,
        viewset=JobViewSet,
        why_not_delete=lambda job: "" if job.is_terminal else _("Stop it first."),
        live_token=live_token,
        views={
            "extra:log": LogPage,
            "extra:metrics": MetricsPage,
            "extra:log-download": LogDownloadPage,
        },
    )
)

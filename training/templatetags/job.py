"""``{% load job %}``: stage bar and failure card of a training job."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import printed
from training.job.models import TrainingJob

register = template.Library()

STEPS = ("Queuing", "Preparing", "Running", "Uploading")
TITLES = {
    "Failed": gettext_lazy("The job failed"),
    "Abnormal": gettext_lazy("The job is in trouble"),
}
EXPLAINED = frozenset(TITLES)


@register.simple_tag
def job_stages(job: TrainingJob) -> list[dict[str, Any]]:
    """Queue, prepare, run, upload: where the job is and how long each took."""
    labels = {
        "Queuing": _("Queue"),
        "Preparing": _("Prepare"),
        "Running": _("Run"),
        "Uploading": _("Upload"),
    }
    spent = _seconds(job)
    if job.phase == "Completed":
        here = len(STEPS)
    elif job.phase in ("Creating", "Pending"):
        here = 0
    else:
        here = STEPS.index(job.secondary) if job.secondary in STEPS else _ended_in(job, spent)
    bar = []
    for number, step in enumerate(STEPS):
        state = "done" if number < here else "todo"
        if number == here:
            state = "failed" if job.phase in EXPLAINED else "now"
            state = "todo" if job.phase == "Terminated" else state
        bar.append(
            {
                "label": labels[step],
                "state": state,
                "duration": spent.get(step),  # seconds; the bar writes them
                "hint": job.told_message if state == "now" else "",
            }
        )
    return bar


def _seconds(job: TrainingJob) -> dict[str, float]:
    spent: dict[str, float] = {}
    if job.started_at:
        spent["Queuing"] = (job.started_at - job.created_at).total_seconds()
    for stage in (job.detail or {}).get("stages", []):
        name = {"running": "Running", "program": "Running"}.get(stage.get("name", ""))
        name = name or ("Uploading" if "upload" in stage.get("name", "") else "Preparing")
        spent[name] = spent.get(name, 0.0) + float(stage.get("seconds") or 0)
    attempt = None if "Preparing" in spent else job.attempt
    if attempt is not None and attempt.running_at is not None:  # the report comes at the end
        spent["Preparing"] = (attempt.running_at - attempt.started_at).total_seconds()
    return spent


def _ended_in(job: TrainingJob, spent: dict[str, float]) -> int:
    """The step that a job ended in. What a failed program left is uploaded too, so the last step
    that took time is to blame only where nothing else is proved."""
    detail = job.detail or {}
    if job.reason == "UPLOAD_FAILED":
        return STEPS.index("Uploading")
    if detail.get("exit_code") or detail.get("signal") or detail.get("oom"):
        return STEPS.index("Running")
    return max((STEPS.index(s) for s in spent if s in STEPS), default=1)


@register.simple_tag(takes_context=True)
def job_failure(context: Context, job: TrainingJob) -> dict[str, Any] | None:
    """The card of a job that failed: sentence, proof, next step. None for others."""
    limited = job.phase == "Terminated" and job.reason == "MAX_DURATION"
    if job.phase not in EXPLAINED and not limited:
        return None
    told: dict[str, Any] = {
        "message": job.told_message,
        "detail": {**(job.detail or {}), "next": job.told_next},
    }
    told = printed.withhold(context["request"].actor, job, told)
    detail = told["detail"]
    proof = [
        (_("Exit code"), detail.get("exit_code")),
        (_("Signal"), detail.get("signal")),
        (_("Exception"), detail.get("exception")),
        (_("Where"), detail.get("location")),
        (_("Not uploaded"), ", ".join(detail.get("not_uploaded") or [])),
        (_("Memory"), _("ended by the kernel at the memory limit") if detail.get("oom") else None),
    ]
    return {
        "title": _("The job was stopped at its time limit") if limited else TITLES[job.phase],
        "text": told["message"],
        "reason": job.reason,
        "proof": [{"label": label, "html": str(v)} for label, v in proof if v not in (None, "")],
        "code": "\n".join(detail.get("log_tail") or []),
        "steps": [{"text": detail["next"]}] if detail.get("next") else [],
    }


@register.filter
def file_name(entry: dict[str, Any]) -> str:
    """The path of a file entry, whatever its report calls it."""
    return str(entry.get("key") or entry.get("path") or entry.get("dest") or "")

"""Reading a running attempt: the runner's numbers to metrics, its state to words."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from compute import local
from compute.backends.base import Observation, UnknownAttempt
from compute.runner import numbers
from core import codes
from training import messages
from training.job.models import Attempt, MetricPoint, TrainingJob

CHUNK = 64 * 1024  # bytes of numbers read at once; some thousand points
PIECES = 4  # such chunks at one look; a look has less than a minute
LOG_TAIL = 50  # lines kept with the job

SENTENCES = {
    "Preparing": _("Downloading code and data."),
    "Running": _("The program runs."),
    "Uploading": _("The program has ended; its outputs are being uploaded and verified."),
    "Stopping": _("The program was asked to stop."),
}
NEXT = {
    "OOM_HOST": _("Choose a flavor with more memory, or a smaller batch."),
    "KILLED_137": _("Something outside the job killed it; there is no sign of memory shortage."),
    "USER_CODE": _("Open the log at the exception, mend the code, upload it and rerun."),
    "BAD_ARGS": _("Compare the script's arguments with the job's inputs and hyperparameters."),
    "NO_MODULE": _("Use an engine that has the package, or put it beside the boot file."),
    "BOOT_FILE_MISSING": _("Upload the boot file, or correct the code directory."),
    "INPUT_MISSING": _("Upload the data, or pick another path."),
    "INPUT_DENIED": _("Ask the owner or your administrator for the right named above."),
    "UPLOAD_FAILED": _(
        "Mend what is named above, then retry the upload; the files are kept on the host."
    ),
    "INPUT_INVALID": _("Rename the object named above, then rerun the job."),
    "INPUT_CORRUPT": _("Upload the object named above again, then rerun the job."),
    "INPUT_UNREACHABLE": _("Rerun the job when the storage answers."),
    "ENGINE_MISSING": _("The operator builds the engine on the engines page; then rerun the job."),
    "OOM_GPU": _("Use a smaller batch, or accumulate gradients over more steps."),
    "QUEUE_TIMEOUT": _("Choose a smaller flavor, or wait until others have ended; then rerun."),
    "NODE_LOST": _("Rerun the job; the operator looks at the host meanwhile."),
    "RESTORED": _("Look whether its outputs are in the bucket; if not, rerun the job."),
    "LAUNCH_FAILED": _("Rerun the job; the operator finds the cause in the worker's log."),
    "RUNNER_ERROR": _("A fault of the platform: tell the operator the job's id."),
    "TERMINATE_FAILED": _("The operator checks the host; then rerun the job."),
    "HOST_DISK_FULL": _("The operator frees space on the host; then rerun the job."),
    "DISK_FULL": _("Write less, or choose a flavor with a larger disk."),
    "MAX_DURATION": _("Outputs so far were kept. Raise the time limit, or train for less."),
    "SANDBOX_FAILED": _("The operator finds what is missing with `./run --check`."),
    "SHARE_ENDED": _("Ask the owner of the dataset to share it again, then rerun the job."),
    "AUTHORISATION_LOST": _("Check the agency and the rights of the user who submitted the job."),
}


def secondary(seen: Observation) -> str:
    """Level 2 state of a running job."""
    return {
        "launching": "Preparing",
        "preparing": "Preparing",
        "running": "Running",
        "uploading": "Uploading",
        "stopping": "Stopping",
    }.get(seen.phase, seen.phase.title())


def sentence(name: str) -> str:
    return SENTENCES.get(name, "")


def next_step(reason: str) -> str:
    """What a person does about a reason code."""
    return NEXT.get(reason, "")


def proof(report: dict[str, Any]) -> dict[str, Any]:
    """What the failure card shows beside the sentence."""
    detail = report.get("detail") or {}
    return {
        "exit_code": report.get("exit_code"),
        "signal": report.get("signal"),
        "oom": bool(report.get("oom")),
        "exception": detail.get("exception", ""),
        "location": detail.get("location", ""),
        "log_tail": _tail(detail.get("log_tail")),
        "not_uploaded": sorted(detail.get("failed_uploads") or {})[:20],
        "warnings": list(detail.get("warnings") or [])[:20],
        "stages": report.get("stages") or [],
        "usage": report.get("usage") or {},
        "run_seconds": report.get("run_seconds"),
        "isolation": report.get("isolation", ""),
    }


def _tail(tail: Any) -> list[str]:
    lines = tail.splitlines() if isinstance(tail, str) else list(tail or [])
    return [str(line)[:500] for line in lines[-LOG_TAIL:]]


def kept(report: dict[str, Any]) -> dict[str, Any]:
    """The part of the runner's report that stays with the attempt."""
    names = (
        "outcome",
        "reason_code",
        "exit_code",
        "signal",
        "oom",
        "stages",
        "usage",
        "run_seconds",
        "total_seconds",
        "isolation",
        "started_at",
        "ended_at",
    )
    detail = report.get("detail") or {}
    return {name: report.get(name) for name in names} | {
        "fetched": detail.get("fetched") or [],
        "uploaded": detail.get("uploaded") or [],
        "uploaded_count": detail.get("uploaded_count", 0),
    }


def said(report: dict[str, Any]) -> str:
    """Why the program ended, as the runner says it."""
    return codes.kept(str(report.get("message") or ""), report.get("said"))


def summary(report: dict[str, Any]) -> str:
    """One line for a job that ended well; an empty output is worth a warning."""
    uploaded = (report.get("detail") or {}).get("uploaded") or []
    if not uploaded:
        return messages.COMPLETED_EMPTY()
    size = sum(int(entry.get("size") or 0) for entry in uploaded)
    return messages.COMPLETED(files=len(uploaded), size=size)


def ingest(job: TrainingJob, attempt: Attempt) -> bool:
    """Keep the numbers that the runner found since the last look. False: there are more, for the
    next look.

    Offset and points are one transaction, so a point is never lost or doubled.
    """
    for _piece in range(PIECES):
        try:
            chunk = local.current().numbers(str(attempt.pk), attempt.numbers_offset, CHUNK)
        except UnknownAttempt:
            return True
        whole = chunk.data[: chunk.data.rfind(b"\n") + 1]
        if not whole:
            return True
        found = [numbers.read_point(line) for line in whole.decode().splitlines()]
        _store(job, attempt, found, attempt.numbers_offset + len(whole))
    return False


def _store(job: TrainingJob, attempt: Attempt, found: list[numbers.Point], offset: int) -> None:
    now = timezone.now()
    with transaction.atomic():
        rows: list[MetricPoint] = []
        have = MetricPoint.objects.filter(job=job).values_list("name")
        counts = dict(have.annotate(count=Count("id")))
        room = numbers.MAX_POINTS - sum(counts.values())
        for point in found:
            if len(rows) >= room:
                break
            if point.name not in counts and len(counts) >= numbers.MAX_NAMES:
                continue
            counts[point.name] = counts.get(point.name, 0) + 1
            rows.append(
                MetricPoint(
                    job=job,
                    attempt_number=attempt.number,
                    name=point.name,
                    step=point.step if point.step is not None else float(counts[point.name]),
                    epoch=point.epoch,
                    value=point.value,
                    at=now,
                )
            )
        MetricPoint.objects.bulk_create(rows, batch_size=500)
        attempt.numbers_offset = offset
        attempt.save(update_fields=["numbers_offset"])

"""A retried upload: the one way back from Failed, and only for outputs that are still here.

The attempt stays the same, because its files are the attempt's; see docs/adr/retry-upload.md.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils import timezone

from compute import local
from compute.backends.base import BackendError, Observation
from core import states
from training import messages
from training.job.ending import close, end
from training.job.models import Attempt, TrainingJob

FAILED = ("Failed", "UPLOAD_FAILED")
PATIENCE = dt.timedelta(seconds=60)  # for the uploading process to report for the first time
_AFTER = "retry_after"  # in an attempt's report: the number of the runner's last report before


def kept_until(job: TrainingJob) -> dt.datetime | None:
    """Until when the files of a job that failed to upload stay on the host; None for others."""
    if (job.phase, job.reason) != FAILED or job.ended_at is None:
        return None
    return job.ended_at + dt.timedelta(seconds=settings.MODELYARD_KEEP_WORK_SECONDS)


def is_possible(job: TrainingJob) -> bool:
    """Whether the verb is offered: the upload failed and the files are still kept."""
    until = kept_until(job)
    return until is not None and until > timezone.now()


def ask(attempt: Attempt, seen: Observation) -> None:
    """Open the attempt again and remember which report is the old one."""
    attempt.report = {**attempt.report, _AFTER: int(seen.state.get("seq", 0))}
    attempt.ended_at = None
    attempt.save(update_fields=["report", "ended_at"])


def was_asked(attempt: Attempt) -> bool:
    """Whether the attempt does nothing but upload again."""
    return _AFTER in attempt.report


def has_begun(attempt: Attempt, seen: Observation) -> bool:
    """Whether the uploading process has reported since it was asked for."""
    return int(seen.state.get("seq", 0)) > int(attempt.report[_AFTER])


def whole(attempt: Attempt, report: dict[str, Any]) -> dict[str, Any]:
    """The report of an attempt that may have uploaded again, with the stages before that."""
    if not was_asked(attempt):
        return report
    stages = [*(attempt.report.get("stages") or []), *(report.get("stages") or [])]
    return {**report, "stages": stages}


def again(job: TrainingJob, attempt: Attempt) -> float | None:
    """Start the process that uploads the kept files; asking twice starts one."""
    problem: str = messages.UPLOADER_LATE()
    if timezone.now() < job.phase_since + PATIENCE:
        try:
            local.current().retry_upload(str(attempt.pk))
        except BackendError as error:
            problem = str(error)
        else:
            states.observed(job)
            return 0.3
    return failed(job, attempt, messages.UPLOAD_NOT_AGAIN(problem=problem))


def failed(job: TrainingJob, attempt: Attempt, message: str) -> float | None:
    """Failed as before; the files stay, so it may be tried again."""
    last = {**attempt.report, "detail": attempt.report}  # what was kept of the runner's report
    close(attempt, "UPLOAD_FAILED", attempt.exit_code, last)
    return end(job, TrainingJob.Phase.FAILED, "UPLOAD_FAILED", message)

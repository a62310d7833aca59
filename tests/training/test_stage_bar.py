"""The stage bar: the step that is to blame, and how long each step took."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.storage import people
from tests.training.test_retry_upload import Host, host, job, job_of, owner, retry  # noqa: F401
from training.job import reconcile as jobs
from training.job.models import Attempt, TrainingJob
from training.templatetags.job import job_stages

pytestmark = pytest.mark.django_db
STAGES = [
    {"name": "fetching", "seconds": 2.0},
    {"name": "running", "seconds": 30.0},
    {"name": "uploading", "seconds": 4.0},
]


def bar(job: TrainingJob) -> dict[str, str]:  # noqa: F811
    return {step["label"]: step["state"] for step in job_stages(job)}


@pytest.mark.parametrize(
    ("reason", "detail", "blamed"),
    [
        ("USER_CODE", {"exit_code": 1}, "Run"),
        ("KILLED_137", {"exit_code": 137, "signal": 9}, "Run"),
        ("OOM_HOST", {"exit_code": None, "oom": True}, "Run"),
        ("UPLOAD_FAILED", {"exit_code": 0}, "Upload"),
        ("RUNNER_ERROR", {"exit_code": 0}, "Upload"),
        ("INPUT_MISSING", {"exit_code": None, "stages": STAGES[:1]}, "Prepare"),
    ],
)
def test_the_step_that_failed(
    owner: people.Person, reason: str, detail: dict[str, Any], blamed: str  # noqa: F811
) -> None:  # fmt: skip
    made = job_of(owner, reason=reason, detail={"stages": STAGES, **detail})
    assert [label for label, state in bar(made).items() if state == "failed"] == [blamed]


def test_preparing_has_its_time_while_the_program_runs(owner: people.Person) -> None:  # noqa: F811
    made = job_of(owner)
    TrainingJob.objects.unscoped("test").filter(pk=made.pk).update(
        phase="Running", secondary="Running"
    )
    made.refresh_from_db()
    attempt = Attempt.objects.create(job=made, number=1)
    attempt.running_at = attempt.started_at + dt.timedelta(seconds=7)
    attempt.save()
    spent = {step["label"]: step["duration"] for step in job_stages(made)}
    assert bar(made)["Prepare"] == "done" and spent["Prepare"] == 7.0


def test_an_upload_tried_again_keeps_the_times_before_it(
    owner: people.Person, job: TrainingJob, host: Host  # noqa: F811
) -> None:  # fmt: skip
    Attempt.objects.filter(job=job).update(report={"stages": STAGES})
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(
        detail={"stages": STAGES, "exit_code": 0}, started_at=timezone.now()
    )
    job.refresh_from_db()
    job = retry(owner, job)
    again = [{"name": "uploading", "seconds": 1.5}]
    host.ends(job.attempt.pk, outcome="succeeded", seq=9, exit_code=0, stages=again)
    jobs.reconcile(job)
    job.refresh_from_db()
    assert job.phase == "Completed"
    spent = {step["label"]: step["duration"] for step in job_stages(job)}
    assert (spent["Prepare"], spent["Run"], spent["Upload"]) == (2.0, 30.0, 5.5)
    assert job.attempt.report["stages"] == [*STAGES, *again]

"""Retry upload: offered while the files are kept, opens only what it may, ends truthfully."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from compute import local
from compute.backends.base import BackendError, Observation
from core import services as core_services
from core import states
from core.errors import AccessDenied, Conflict, IllegalTransition, QuotaExceeded
from core.models import AuditRecord, Quota
from tests.accounts import make
from tests.contract.test_resources import own
from tests.storage import people
from tests.training.test_interrupted import Seen
from training.job import launch, upload
from training.job import reconcile as jobs
from training.job.models import Attempt, OutputClaim, TrainingJob

pytestmark = pytest.mark.django_db
OUTPUTS = [{"name": "train_url", "bucket": "data", "prefix": "out/"}]


class Host(Seen):
    """A backend that counts what it was asked to upload again."""

    kept = True
    broken = ""

    def __init__(self) -> None:
        super().__init__()
        self.retried: list[str] = []

    def may_retry_upload(self, attempt: str) -> bool:
        return self.kept

    def retry_upload(self, attempt: str) -> None:
        if self.broken:
            raise BackendError(self.broken)
        self.retried.append(attempt)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(local, "current", lambda: made)
    monkeypatch.setattr(launch, "credential", lambda job, attempt: Path("credential"))
    monkeypatch.setattr(launch, "renew", lambda job, attempt: None)
    return made


@pytest.fixture
def owner() -> people.Person:
    return people.root("uploads")


@pytest.fixture
def job(owner: people.Person, host: Host) -> TrainingJob:
    """A job whose program ended well and whose upload failed."""
    made = job_of(owner, reason="UPLOAD_FAILED", ended_at=timezone.now())
    attempt = Attempt.objects.create(
        job=made, number=1, exit_code=0, ended_at=made.ended_at, report={"uploaded": ["first"]}
    )
    host.ends(attempt.pk, outcome="failed", reason_code="UPLOAD_FAILED", seq=7)
    return made


def job_of(owner: people.Person, **fields: Any) -> TrainingJob:
    return TrainingJob.objects.create(
        **own(owner, phase="Failed", **fields),
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor="modelyard.cpu.1u",
        outputs=OUTPUTS,
    )


def retry(owner: people.Person, job: TrainingJob) -> TrainingJob:
    return core_services.perform(owner.actor, job, "retry-upload", {})


def test_it_opens_the_job_and_completes_it(
    owner: people.Person, job: TrainingJob, host: Host
) -> None:
    job = retry(owner, job)
    assert (job.phase, job.secondary, job.reason) == ("Running", "Uploading", "")
    assert job.ended_at is None
    assert OutputClaim.objects.filter(job=job).exists(), "nobody else may write there meanwhile"
    assert AuditRecord.objects.filter(event="retryUploadTrainJob").exists()
    attempt = str(job.attempt.pk)
    jobs.reconcile(job)
    jobs.reconcile(job)
    assert host.retried == [attempt] * 2, "asked until it reports; the backend starts it once"
    host.shows[attempt] = Observation(attempt, "uploading", True, 0.0, {"seq": 8})
    jobs.reconcile(job)
    assert (job.phase, job.secondary) == ("Running", "Uploading")
    host.ends(attempt, outcome="succeeded", seq=9, exit_code=0)
    jobs.reconcile(job)
    job.refresh_from_db()
    assert (job.phase, job.reason) == ("Completed", "")
    assert job.attempt.ended_at is not None and not upload.was_asked(job.attempt)
    assert not OutputClaim.objects.exists()


def test_a_second_failure_can_be_retried_again(
    owner: people.Person, job: TrainingJob, host: Host
) -> None:
    job = retry(owner, job)
    report = {"outcome": "failed", "reason_code": "UPLOAD_FAILED", "seq": 9, "message": "1 of 2"}
    host.ends(job.attempt.pk, **report)
    jobs.reconcile(job)
    assert (job.phase, job.reason, job.message) == ("Failed", "UPLOAD_FAILED", "1 of 2")
    assert retry(owner, job).phase == "Running"


def test_a_lost_upload_never_trains_again(
    owner: people.Person, job: TrainingJob, host: Host
) -> None:
    job = retry(owner, job)
    attempt = str(job.attempt.pk)
    host.ends(attempt, "lost", seq=8)
    jobs.reconcile(job)
    job.refresh_from_db()
    assert (job.phase, job.reason) == ("Failed", "UPLOAD_FAILED")
    assert host.launched == [] and job.attempt.number == 1
    assert job.attempt.report["uploaded"] == ["first"], "what was known of it stays"


@pytest.mark.parametrize("late", [False, True])
def test_an_upload_that_cannot_start_says_so(
    owner: people.Person, job: TrainingJob, host: Host, late: bool
) -> None:
    job = retry(owner, job)
    if late:
        job.phase_since -= upload.PATIENCE + dt.timedelta(seconds=1)
    else:
        host.broken = "the disk is away"
    jobs.reconcile(job)
    assert (job.phase, job.reason) == ("Failed", "UPLOAD_FAILED")
    assert ("did not start in time" if late else "the disk is away") in job.message
    assert host.launched == []


def test_refused_when_the_files_are_gone(
    owner: people.Person, job: TrainingJob, host: Host
) -> None:
    host.kept = False
    with pytest.raises(Conflict, match="no longer on the host"):
        retry(owner, job)
    job.refresh_from_db()
    assert job.phase == "Failed"


def test_refused_while_another_job_writes_there(
    owner: people.Person, job: TrainingJob, host: Host
) -> None:
    other = job_of(owner, reason="")
    OutputClaim.objects.create(
        job=other, account_id=other.account_id, bucket="data", prefix="out/deep/"
    )
    with pytest.raises(Conflict) as busy:
        retry(owner, job)
    assert busy.value.code == "OUTPUT_BUSY"


def test_offered_only_while_files_are_kept(
    owner: people.Person, job: TrainingJob, settings: Any
) -> None:
    assert "retry-upload" in job.legal_verbs()
    job.ended_at -= dt.timedelta(seconds=settings.MODELYARD_KEEP_WORK_SECONDS)
    assert "retry-upload" not in job.legal_verbs()
    other = job_of(owner, reason="USER_CODE", ended_at=timezone.now())
    assert "retry-upload" not in other.legal_verbs()
    with pytest.raises(Conflict):
        retry(owner, other)


def test_needs_the_right_to_start_jobs(owner: people.Person, job: TrainingJob) -> None:
    reader = make.user(owner.user.account)
    make.attach(reader, make.statement("Allow", "modelarts:trainJob:get", "modelarts:*:list"))
    with pytest.raises(AccessDenied):
        core_services.perform(make.actor(reader), job, "retry-upload", {})


def test_it_counts_as_an_unfinished_job(owner: people.Person, job: TrainingJob) -> None:
    quota = Quota.objects.create(account_id=job.account_id, key="training_jobs", limit=0)
    with pytest.raises(QuotaExceeded, match="may have 0"):
        retry(owner, job)
    job.refresh_from_db()
    assert (job.phase, job.reason) == ("Failed", "UPLOAD_FAILED")
    assert not OutputClaim.objects.exists() and job.attempt.ended_at is not None
    quota.limit = 1
    quota.save()
    assert retry(owner, job).phase == "Running"


def test_terminal_stays_final_for_everything_else(owner: people.Person, job: TrainingJob) -> None:
    with pytest.raises(IllegalTransition):
        states.transition(job, "Running", actor=owner.actor)
    for reason in ("USER_CODE", ""):
        with pytest.raises(IllegalTransition):
            states.reopen(job_of(owner, reason=reason), "Running", actor=owner.actor, message="")
    with pytest.raises(IllegalTransition):
        states.reopen(job, "Pending", actor=owner.actor, message="")


def test_the_page_has_the_button_and_the_date(
    owner: people.Person, job: TrainingJob, client: Any
) -> None:
    people.sign_in(client, owner)
    text = client.get(f"/training-jobs/{job.pk}").content.decode()
    assert "Files kept on the host until" in text
    path = f"/training-jobs/{job.pk}/do/retry-upload"
    assert path in text
    assert "nothing is trained again" in client.get(path).content.decode()
    assert client.post(path).status_code == 302
    job.refresh_from_db()
    assert job.phase == "Running"
    done = job_of(owner, reason="USER_CODE")
    assert "retry-upload" not in client.get(f"/training-jobs/{done.pk}").content.decode()


def test_the_api_opens_it(owner: people.Person, job: TrainingJob, client: Any) -> None:
    head = {"Authorization": f"Bearer {people.token(owner, dt.timedelta(hours=1))}"}
    path = f"/api/v1/training-jobs/{job.pk}"
    answer = client.post(f"{path}/retry-upload", headers=head, content_type="application/json")
    assert (answer.status_code, answer.json()["phase"]) == (200, "Running")
    again = client.post(f"{path}/retry-upload", headers=head, content_type="application/json")
    assert again.status_code == 409 and "retry-upload" not in again.json()["legal_actions"]

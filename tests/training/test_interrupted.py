"""A job or service that the platform itself stopped goes on at the next start."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from compute import local
from compute.attempts import PLATFORM_STOPPED
from compute.backends.base import LogChunk, Observation, Probed, UnknownAttempt
from compute.slot import services as slots
from compute.slot.models import Slot
from core import states
from core.models import Event
from serving.service import instances
from serving.service import reconcile as services
from serving.service.models import Instance, Service
from tests.contract.test_resources import own
from tests.storage import people
from training.job import reconcile as jobs
from training.job.ending import system
from training.job.models import Attempt, OutputClaim, TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
FLAVOR = "modelyard.cpu.1u"


class Seen:
    """A backend that shows what a test wrote, and nothing else is on the host."""

    def __init__(self) -> None:
        self.shows: dict[str, Observation] = {}
        self.launched: list[str] = []
        self.answers = Probed()

    def observe(self, attempt: str) -> Observation:
        return self.shows.get(attempt, Observation(attempt, "missing", False))

    def logs(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        return LogChunk(b"", offset, True)

    def numbers(self, attempt: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        return LogChunk(b"", offset, True)

    def fence(self, attempt: str, token: int) -> None:
        raise UnknownAttempt(f"No attempt {attempt} on this host.")

    def kill(self, attempt: str) -> None:
        assert self.observe(attempt).final, "only what a dead runner left may be ended here"

    def launch(self, spec: Any) -> None:
        self.launched.append(spec.attempt)

    def disk_held(self, attempt: str) -> int:
        return 0

    def probed(self, attempt: str) -> Probed:
        return self.answers

    def ask_again(self, attempt: str, number: int) -> None:
        raise UnknownAttempt(f"No attempt {attempt} on this host.")

    def ends(self, attempt: Any, phase: str = "exited", **state: Any) -> None:
        self.shows[str(attempt)] = Observation(str(attempt), phase, False, None, state)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    monkeypatch.setattr(local, "current", lambda: seen)
    return seen


@pytest.fixture
def job() -> TrainingJob:
    """A job whose first attempt runs."""
    job = TrainingJob(
        **own(people.root("interrupted")),
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor=FLAVOR,
        outputs=[{"name": "train_url", "bucket": "data", "prefix": "out/"}],
    )
    states.start(job, TrainingJob.Phase.CREATING)
    job.phase = "Running"
    job.save()
    OutputClaim.objects.create(job=job, account_id=job.account_id, bucket="data", prefix="out/")
    attempt = Attempt.objects.create(job=job, number=1)
    assert slots.take("public", FLAVOR, attempt.pk, job)
    return job


def stopped(reason: str) -> dict[str, Any]:
    return {"outcome": "stopped", "reason_code": reason, "message": "Stopped."}


class TestJob:
    @pytest.mark.parametrize("reason", [PLATFORM_STOPPED, "STOPPED_BY_USER"])
    def test_waits_for_a_slot_again(self, job: TrainingJob, backend: Seen, reason: str) -> None:
        backend.ends(job.attempt.pk, **stopped(reason))
        jobs.reconcile(job)
        job.refresh_from_db()
        assert (job.phase, job.secondary, job.reason) == ("Pending", "Restarting", PLATFORM_STOPPED)
        assert job.message == "Interrupted by a stop of the platform; starting again."
        assert job.attempt.end_reason == PLATFORM_STOPPED
        assert job.attempt.ended_at is not None
        assert not Slot.objects.exists(), "the next attempt takes its own"
        assert OutputClaim.objects.filter(job=job).exists(), "nobody else may take its output path"

    def test_is_not_counted_as_a_retry(self, job: TrainingJob, backend: Seen) -> None:
        for number in range(2, 2 + jobs.RETRIES + 2):
            backend.ends(job.attempt.pk, **stopped(PLATFORM_STOPPED))
            jobs.reconcile(job)
            job.refresh_from_db()
            assert job.phase == "Pending"
            Attempt.objects.create(job=job, number=number)
            states.transition(job, "Running", actor=system())
        backend.ends(job.attempt.pk, "lost")
        jobs.reconcile(job)
        job.refresh_from_db()
        assert (job.phase, job.reason) == ("Pending", "RUNNER_LOST")
        retries = Event.objects.filter(resource_id=str(job.pk), message__contains="retry ")
        assert "retry 1 of 3" in retries.get().message

    def test_killed_while_the_platform_stopped(self, job: TrainingJob, backend: Seen) -> None:
        """No report, but the order that the runner got explains it."""
        backend.ends(job.attempt.pk, "lost", reason_code=PLATFORM_STOPPED)
        jobs.reconcile(job)
        job.refresh_from_db()
        assert (job.phase, job.reason) == ("Pending", PLATFORM_STOPPED)
        assert job.attempt.end_reason == PLATFORM_STOPPED

    @pytest.mark.parametrize("phase", ["exited", "lost"])
    def test_stays_stopped_when_its_owner_wanted_that(
        self, job: TrainingJob, backend: Seen, phase: str
    ) -> None:
        job.desired = "stopped"
        job.save()
        backend.ends(job.attempt.pk, phase, **stopped(PLATFORM_STOPPED))
        jobs.reconcile(job)
        job.refresh_from_db()
        assert job.phase == "Terminated"
        assert not OutputClaim.objects.filter(job=job).exists()

    def test_a_time_limit_is_final(self, job: TrainingJob, backend: Seen) -> None:
        backend.ends(job.attempt.pk, **stopped("MAX_DURATION"))
        jobs.reconcile(job)
        job.refresh_from_db()
        assert (job.phase, job.reason) == ("Terminated", "MAX_DURATION")


class TestService:
    @pytest.fixture
    def service(self) -> Service:
        service = Service(
            **own(people.root("served")),
            model_label="digits V001",
            model_account_id="1234567890",
            engine="python_3.11-sklearn-cpu",
            flavor=FLAVOR,
        )
        states.start(service, Service.Phase.PENDING)
        service.phase = "Running"
        service.save()
        return service

    @pytest.mark.parametrize("phase", ["exited", "lost"])
    def test_an_instance_that_the_platform_ended_is_no_crash(
        self, service: Service, backend: Seen, phase: str
    ) -> None:
        old = timezone.now() - dt.timedelta(hours=1)
        instance = Instance.objects.create(
            service=service, number=1, state=Instance.State.READY, ready_at=old
        )
        assert slots.take("public", FLAVOR, instance.pk, service)
        backend.ends(instance.pk, phase, **stopped(PLATFORM_STOPPED))
        instances.watch(service, instance)
        instance.refresh_from_db()
        assert (instance.state, instance.reason) == (Instance.State.ENDED, "")
        assert services._crashes(service) == []
        assert not Slot.objects.exists()

    def test_any_other_end_is_a_crash(self, service: Service, backend: Seen) -> None:
        instance = Instance.objects.create(service=service, number=1, state=Instance.State.READY)
        backend.ends(instance.pk, outcome="failed", reason_code="SERVICE_EXITED")
        instances.watch(service, instance)
        assert [one.reason for one in services._crashes(service)] == ["SERVICE_EXITED"]

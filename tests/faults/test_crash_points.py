"""A worker killed after any write: the next look brings the object to the same end, once.

The kill is an exception that no code of ours catches, raised right after the n-th statement that
writes. What that statement's transaction had not committed is rolled back, as the database does for
a process that is gone. Calls of the backend count as writes, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from compute import local
from compute.backends.base import AttemptConflict, Observation
from compute.slot import services as slots
from compute.slot.models import Slot
from core import reconcile as kernel
from core import states
from core.models import Event
from serving.service import instances
from serving.service.models import Instance, Service
from tests.contract.test_resources import own
from tests.storage import people
from tests.training.test_interrupted import FLAVOR, Seen
from training.job import launch
from training.job import reconcile as jobs
from training.job.models import Attempt, OutputClaim, TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
WRITES = ("INSERT", "UPDATE", "DELETE")
MOST = 80  # writes of one look; more would be a look that does too much
LOOKS = 12
_numbers = itertools.count(1)


class Killed(BaseException):
    """The worker is gone. No Exception, so that nothing of ours handles it."""


class Countdown:
    """Kills at the n-th write; never with n = 0."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.count = 0

    def hit(self) -> None:
        self.count += 1
        self.left -= 1
        if self.left == 0:
            raise Killed

    def wrapper(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        # A killed process gives no lease back; the liveness of its holder is tested elsewhere.
        if sql.lstrip().upper().startswith(WRITES) and "core_lease" not in sql:
            self.hit()
        return result


class Host(Seen):
    """A backend that may be killed around each of its effects."""

    countdown: Countdown | None = None

    def launch(self, spec: Any) -> None:
        self._hit()
        if spec.attempt not in self.launched:
            self.launched.append(spec.attempt)
        self.shows.setdefault(
            spec.attempt, Observation(spec.attempt, "running", True, 0.0, {"phase": "running"})
        )
        self._hit()

    def fence(self, attempt: str, token: int) -> None:
        self._hit()

    def stop(self, attempt: str, grace_seconds: float | None = None, **why: Any) -> None:
        self._hit()
        self.ends(attempt, outcome="stopped", reason_code="STOPPED_BY_USER", message="Stopped.")

    def kill(self, attempt: str) -> None:
        if not self.observe(attempt).final:
            raise AttemptConflict(f"nothing needed to be killed: {attempt}")
        self._hit()

    def _hit(self) -> None:
        if self.countdown is not None:
            self.countdown.hit()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    made = Host()
    monkeypatch.setattr(local, "current", lambda: made)
    ready = SimpleNamespace(ready=True, failed=False, percent=100, message="")
    for module in (jobs.engines, instances.environment):
        monkeypatch.setattr(module, "ensure", lambda name: ready)
        monkeypatch.setattr(module, "path", lambda name: tmp_path)
    monkeypatch.setattr(launch, "credential", lambda job, attempt: tmp_path / "credential")
    monkeypatch.setattr(launch, "renew", lambda job, attempt: None)
    monkeypatch.setattr(instances, "_require_right", lambda service: None)
    monkeypatch.setattr(instances.accounts, "issue_for", lambda **bound: "my_a_b")
    monkeypatch.setattr(local, "write_credential", lambda attempt, bearer: tmp_path / attempt)
    return made


@contextmanager
def killed_at(host: Host, number: int) -> Iterator[Countdown]:
    countdown = Countdown(number)
    host.countdown = countdown
    try:
        with connection.execute_wrapper(countdown.wrapper):
            yield countdown
    finally:
        host.countdown = None


def look(obj: Any) -> str:
    return kernel.look(obj._meta.label_lower, str(obj.pk))


def every_kill(host: Host, make: Callable[[], Any], check: Callable[[Any], None]) -> int:
    """Kill the look after each of its writes in turn; afterwards looks must bring the same end.

    Returns how many places there were.
    """
    for number in range(1, MOST):
        host.shows.clear()
        host.launched.clear()
        obj = make()
        killed = False
        with killed_at(host, number):
            try:
                look(obj)
            except Killed:
                killed = True
        for _again in range(LOOKS):
            if look(obj) == "settled":
                break
        obj.refresh_from_db()
        try:
            check(obj)
        except AssertionError as error:
            error.add_note(f"killed after write {number}")
            raise
        Slot.objects.all().delete()  # the next one finds the pool empty again
        if not killed:
            return number - 1
    raise AssertionError(f"one look wrote more than {MOST} times")


def made_job(phase: str = "Creating") -> TrainingJob:
    job = TrainingJob(
        **own(people.root(f"crash-{next(_numbers)}")),
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor=FLAVOR,
        outputs=[{"name": "train_url", "bucket": "data", "prefix": "out/"}],
    )
    states.start(job, TrainingJob.Phase.CREATING)
    job.phase = phase
    job.save()
    OutputClaim.objects.create(job=job, account_id=job.account_id, bucket="data", prefix="out/")
    return job


def running_job() -> TrainingJob:
    job = made_job("Running")
    attempt = Attempt.objects.create(job=job, number=1)
    assert slots.take("public", FLAVOR, attempt.pk, job)
    return job


def ends(job: TrainingJob) -> int:
    """How often the job came to a terminal phase."""
    rows = Event.objects.filter(resource_id=str(job.pk), phase_to__in=job.TERMINAL)
    return rows.exclude(phase_from__in=job.TERMINAL).count()


def nothing_held(job: TrainingJob) -> None:
    assert not Slot.objects.filter(resource_id=str(job.pk)).exists()
    assert not OutputClaim.objects.filter(job=job).exists()
    assert not Attempt.objects.filter(job=job, ended_at=None).exists()
    assert ends(job) == 1


class TestJob:
    def test_starting(self, host: Host) -> None:
        def check(job: TrainingJob) -> None:
            attempts = [str(pk) for pk in Attempt.objects.filter(job=job).values_list("pk", flat=1)]
            assert job.phase == "Running"
            assert host.launched == attempts, "started once, and what runs has its row"
            assert len(attempts) == 1
            held = Slot.objects.filter(resource_id=str(job.pk))
            assert [str(slot.attempt) for slot in held] == attempts

        assert every_kill(host, made_job, check) >= 6

    def test_ending_well(self, host: Host) -> None:
        def make() -> TrainingJob:
            job = running_job()
            host.ends(job.attempt.pk, outcome="succeeded", exit_code=0)
            return job

        def check(job: TrainingJob) -> None:
            assert (job.phase, job.reason) == ("Completed", "")
            nothing_held(job)

        assert every_kill(host, make, check) >= 5

    def test_a_lost_runner(self, host: Host) -> None:
        """One kill, two attempts: never a third, never two at once."""

        def make() -> TrainingJob:
            job = running_job()
            host.ends(job.attempt.pk, "lost")
            return job

        def check(job: TrainingJob) -> None:
            rows = list(Attempt.objects.filter(job=job).order_by("number"))
            assert job.phase == "Running"
            assert [row.number for row in rows] == [1, 2]
            assert rows[0].end_reason == "RUNNER_LOST"
            assert rows[1].ended_at is None
            held = Slot.objects.filter(resource_id=str(job.pk))
            assert [slot.attempt for slot in held] == [rows[1].pk]
            assert host.launched == [str(rows[1].pk)]

        assert every_kill(host, make, check) >= 5

    def test_stopping(self, host: Host) -> None:
        def make() -> TrainingJob:
            job = running_job()
            attempt = str(job.attempt.pk)
            host.shows[attempt] = Observation(attempt, "running", True, 0.0, {"phase": "running"})
            TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(desired="stopped")
            return job

        def check(job: TrainingJob) -> None:
            assert (job.phase, job.reason) == ("Terminated", "STOPPED_BY_USER")
            nothing_held(job)

        assert every_kill(host, make, check) >= 3


def made_service() -> Service:
    owner = own(people.root(f"crash-{next(_numbers)}"))
    service = Service(
        **owner,
        model_label="digits V001",
        model_account_id=owner["account_id"],
        engine="python_3.11-sklearn-cpu",
        flavor=FLAVOR,
    )
    states.start(service, Service.Phase.PENDING)
    service.save()
    return service


class TestService:
    def test_starting(self, host: Host) -> None:
        def check(service: Service) -> None:
            rows = Instance.objects.filter(service=service)
            ids = [str(row.pk) for row in rows]
            assert service.phase == "Deploying"
            assert host.launched == ids
            assert len(ids) == 1
            held = Slot.objects.filter(resource_id=str(service.pk))
            assert [str(slot.attempt) for slot in held] == ids

        assert every_kill(host, made_service, check) >= 4

    def test_stopping(self, host: Host) -> None:
        def make() -> Service:
            service = made_service()
            Service.objects.unscoped("test").filter(pk=service.pk).update(
                phase="Running", desired="stopped"
            )
            instance = Instance.objects.create(
                service=service, number=1, state=Instance.State.READY
            )
            assert slots.take("public", FLAVOR, instance.pk, service)
            attempt = str(instance.pk)
            host.shows[attempt] = Observation(attempt, "running", True, 0.0, {"phase": "running"})
            return service

        def check(service: Service) -> None:
            row = Instance.objects.get(service=service)
            assert service.phase == "Stopped"
            assert (row.state, row.reason) == ("Ended", "")
            assert row.ended_at is not None
            assert not Slot.objects.filter(resource_id=str(service.pk)).exists()

        assert every_kill(host, make, check) >= 4

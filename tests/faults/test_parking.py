"""An object that the platform gives up: nothing of it lives on, and its owner can go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import actor_of
from accounts.user.models import User
from compute import local
from compute.backends.base import BackendError, Observation
from compute.slot import services as slots
from compute.slot.models import Slot
from core import reconcile as kernel
from core.actor import Actor
from serving.service import instances
from serving.service import services as deployments
from serving.service.models import Instance, Service
from tests.faults.test_crash_points import Host, look, made_service, nothing_held, running_job
from tests.training.test_interrupted import FLAVOR
from training.job import services as jobs
from training.job.models import TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


class Living(Host):
    """A backend on which attempts run until they are killed."""

    broken = False

    def __init__(self) -> None:
        super().__init__()
        self.killed: list[str] = []

    def runs(self, attempt: Any) -> str:
        self.shows[str(attempt)] = Observation(str(attempt), "running", True, 0.0, {})
        return str(attempt)

    def kill(self, attempt: str) -> None:
        if self.broken:
            raise BackendError("The host does not answer.")
        self.killed.append(attempt)
        self.ends(attempt)

    def remove(self, attempt: str) -> None:
        assert self.observe(attempt).final


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Living:
    made = Living()
    monkeypatch.setattr(local, "current", lambda: made)
    return made


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No object can be looked after."""

    def look(obj: Any) -> float | None:
        raise RecursionError("maximum recursion depth exceeded")

    for kind in ("training.trainingjob", "serving.service"):
        monkeypatch.setitem(kernel._reconcilers, kind, look)


def owner_of(obj: Any) -> Actor:
    root = User.objects.unscoped("test").get(account_id=obj.account_id, is_root=True)
    return actor_of(root, via="token")


def given_up(obj: Any) -> Any:
    for _time in range(kernel.POISON_AFTER):
        assert look(obj) in ("failed", "settled")  # parked and looked at once more
    obj.refresh_from_db()
    return obj


def running_service(phase: str) -> tuple[Service, Instance]:
    service = made_service()
    service.phase = phase
    service.save()
    instance = Instance.objects.create(service=service, number=1, state=Instance.State.READY)
    assert slots.take("public", FLAVOR, instance.pk, service)
    return service, instance


@pytest.mark.parametrize("phase", ["Running", "Terminating", "Abnormal"])
def test_a_parked_job_holds_nothing(host: Living, phase: str) -> None:
    job = running_job()
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(phase=phase)
    attempt = host.runs(job.attempt.pk)
    job = given_up(job)
    assert (job.phase, job.reason) == ("Failed", "RECONCILE_ERROR")
    assert "RecursionError" in job.detail["trace"] and job.detail["next"]
    assert host.killed == [attempt] and job.ended_at is not None
    nothing_held(job)
    assert look(job) == "settled"
    assert "rerun" in job.legal_verbs()
    jobs.delete(owner_of(job), job)
    assert not TrainingJob.objects.unscoped("test").exists()


@pytest.mark.parametrize("phase", ["Deploying", "Running", "Concerning", "Stopping"])
def test_a_parked_service_holds_nothing(host: Living, phase: str) -> None:
    service, instance = running_service(phase)
    attempt = host.runs(instance.pk)
    service = given_up(service)
    assert (service.phase, service.reason) == ("Failed", "RECONCILE_ERROR")
    assert host.killed == [attempt] and instances.living(service) == []
    assert not Slot.objects.exists()
    assert service.legal_verbs() == ["start"]
    deployments.delete(owner_of(service), service)
    assert not Service.objects.unscoped("test").exists()


def test_what_cannot_be_ended_is_not_parked(host: Living) -> None:
    service, instance = running_service("Running")
    host.runs(instance.pk)
    host.broken = True
    service = given_up(service)
    assert (service.phase, service.reason) == ("Running", "")
    assert instances.living(service) == [instance] and Slot.objects.exists()
    assert service.next_look_at is not None
    host.broken = False
    assert look(service) == "failed"
    service.refresh_from_db()
    assert service.phase == "Failed" and not Slot.objects.exists()


def test_nobody_looks_for_ever_at_what_is_at_rest(host: Living) -> None:
    service = made_service()
    service.phase, service.desired = "Failed", "stopped"
    service.next_look_at = timezone.now()
    service.save()
    service = given_up(service)
    assert (service.phase, service.next_look_at) == ("Failed", None)

"""What a program printed is for who may read its log, wherever it is repeated."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from compute.backends.base import Observation
from core import actor as actors
from core import states
from core.models import AuditRecord, Event
from serving.service import instances
from serving.service import reconcile as reconciler
from serving.service.models import Instance, Service
from tests.contract.test_resources import own
from tests.serving import make as services
from tests.storage import people
from training.job import watch
from training.job.models import TrainingJob

pytestmark = pytest.mark.django_db
WORD = "heron-4711"  # what the program printed
LAST = f"ValueError: {WORD}"


@pytest.fixture
def owner() -> people.Person:
    return people.root("printed")


@pytest.fixture
def guest(owner: people.Person) -> people.Person:
    """May read everything but logs."""
    allow = people.statement("Allow", "modelarts:*:*", "cts:trace:list")
    deny = people.statement("Deny", "modelarts:trainJob:logExport", "modelarts:service:getLogs")
    return people.user(owner, "guest", [allow, deny])


@pytest.fixture
def job(owner: people.Person) -> TrainingJob:
    made = TrainingJob.objects.create(
        **own(owner, phase="Running", secondary="Running"),
        code_bucket="data",
        code_prefix="code/",
        boot_file="train.py",
        engine="python_3.11-sklearn-cpu",
        flavor="modelyard.cpu.1u",
    )
    said = {"log_tail": f"raise\n{LAST}", "exception": LAST, "location": f"{WORD}.py:3"}
    detail = watch.proof({"exit_code": 1, "detail": said}) | {"next": watch.next_step("USER_CODE")}
    return states.transition(
        made, "Failed", actor=actors.system("training"), reason="USER_CODE",
        message=f"{LAST} ({WORD}.py:3)", detail=detail,
    )  # fmt: skip


@pytest.fixture
def service(owner: people.Person) -> Service:
    """Running with one instance that ends printing."""
    made = services.running(owner.user.account_id)
    Instance.objects.filter(service=made).update(state="Ended")
    instance = Instance.objects.create(service=made, number=2, state="Starting")
    report = {"reason_code": "USER_CODE", "message": LAST, "exit_code": 1,
              "detail": {"log_tail": LAST}}  # fmt: skip
    instances.close(made, instance, Observation(str(instance.pk), "ended", False, 0.0, report))
    reconciler._concern(made, 0)
    return made


def reads(person: people.Person, slug: str, pk: Any) -> dict[str, str]:
    """Every place that tells of an object, by name."""
    browser = Client()
    people.sign_in(browser, person)
    bearer = {"Authorization": f"Bearer {people.token(person, dt.timedelta(hours=1))}"}
    pages = {"page": f"/{slug}/{pk}", "activity": f"/{slug}/{pk}/activity", "list": f"/{slug}",
             "overview": "/", "audit": "/audit"}  # fmt: skip
    calls = {"api": f"/api/v1/{slug}/{pk}", "api list": f"/api/v1/{slug}",
             "api audit": "/api/v1/audit-records"}  # fmt: skip
    if slug == "services":
        calls["instances"] = f"/api/v1/{slug}/{pk}/instances"
    found = {name: browser.get(path) for name, path in pages.items()}
    found |= {name: Client().get(path, headers=bearer) for name, path in calls.items()}
    assert {name: r.status_code for name, r in found.items() if r.status_code != 200} == {}
    return {name: response.content.decode() for name, response in found.items()}


def tells(texts: dict[str, str]) -> set[str]:
    return {name for name, text in texts.items() if WORD in text}


def test_a_job_repeats_its_log_to_who_may_read_it(owner: people.Person, job: TrainingJob) -> None:
    assert tells(reads(owner, "training-jobs", job.pk)) == {"page", "activity", "api", "api list"}


def test_a_job_keeps_its_log_from_others(guest: people.Person, job: TrainingJob) -> None:
    told = reads(guest, "training-jobs", job.pk)
    assert tells(told) == set()
    assert "Ended with the reason USER_CODE." in told["page"]
    assert "Open the log" not in told["page"] + told["api"]
    assert "modelarts:trainJob:logExport" in told["page"], "the right that is missing"


def test_a_service_repeats_its_log_to_who_may_read_it(
    owner: people.Person, service: Service
) -> None:
    here = {"page", "activity", "api", "api list", "instances"}
    assert tells(reads(owner, "services", service.pk)) == here


def test_a_service_keeps_its_log_from_others(guest: people.Person, service: Service) -> None:
    told = reads(guest, "services", service.pk)
    assert tells(told) == set()
    assert "modelarts:service:getLogs" in told["page"]


def test_the_trail_keeps_the_code_only(job: TrainingJob) -> None:
    assert WORD in Event.objects.get(phase_to="Failed").message
    moved = AuditRecord.objects.filter(event="stateChanged", after__phase="Failed")
    assert moved.get().message == "USER_CODE"

"""Capacity held back: only the operator sees and frees it, and only when nothing of it lives."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compute import local
from compute.slot import dirty
from compute.slot import services as slots
from compute.slot.models import Slot
from core.errors import AccessDenied, Conflict, NotFound
from core.models import AuditRecord
from tests.accounts import make
from tests.contract.test_resources import own
from tests.doors.world import bearer
from tests.storage import people
from tests.storage.people import Person
from tests.waiting import until
from training.job.models import TrainingJob

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
FLAVOR = "modelyard.cpu.1u"


@pytest.fixture
def operator() -> Person:
    return Person(make.root_of(make.account("operates", operator=True)))


@pytest.fixture
def owner() -> Person:
    return people.root("held")


@pytest.fixture
def slot(settings: Any, tmp_path: Path, owner: Person) -> uuid.UUID:
    settings.VAR_DIR = tmp_path
    job = TrainingJob.objects.create(
        **own(owner, phase="Abnormal", reason="TERMINATE_FAILED", code_bucket="d", boot_file="t.py")
    )
    attempt = uuid.uuid4()
    assert slots.take("public", FLAVOR, attempt, job)
    slots.mark_dirty(attempt)
    return attempt


def test_a_slot_without_processes_is_freed_and_recorded(operator: Person, slot: uuid.UUID) -> None:
    assert [(h.slot.attempt, h.pids) for h in dirty.held(operator.actor)] == [(slot, ())]
    before = slots.use("public").free_cpus
    dirty.free(operator.actor, slot)
    assert slots.use("public").free_cpus > before
    row = AuditRecord.objects.get(event="freeSlot")
    assert (row.resource_id, row.before["flavor"]) == (str(slot), FLAVOR)
    with pytest.raises(NotFound):
        dirty.free(operator.actor, slot)


def test_refused_while_a_process_lives_and_names_it(operator: Person, slot: uuid.UUID) -> None:
    process = subprocess.Popen(
        ["/bin/sleep", "600"], env=os.environ | {"MODELYARD_ATTEMPT": str(slot)}
    )
    try:
        # A program that was started this moment shows no environment yet.
        until(lambda: local.current().processes(str(slot)) == [process.pid])
        with pytest.raises(Conflict) as refused:
            dirty.free(operator.actor, slot)
        assert refused.value.extra["pids"] == [process.pid]
        assert str(process.pid) in refused.value.message
        client = Client()
        people.sign_in(client, operator)
        assert str(process.pid) in client.get("/pools").content.decode()
        page = client.post(f"/slots/{slot}/free", follow=True).content.decode()
        assert str(process.pid) in page and Slot.objects.filter(attempt=slot).exists()
    finally:
        process.kill()
        process.wait()
    assert local.current().processes(str(slot)) == []
    client.post(f"/slots/{slot}/free")
    assert not Slot.objects.filter(attempt=slot).exists()


def test_the_page_names_what_holds_it_and_offers_freeing_only_when_it_can_work(
    operator: Person, owner: Person, slot: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    people.sign_in(client, operator)
    alive: list[int] = [4242]
    backend = local.current()
    monkeypatch.setattr(type(backend), "processes", lambda self, attempt: alive)
    monkeypatch.setattr(local, "current", lambda: backend)
    page = client.get("/pools").content.decode()
    assert "Training job" in page and "training.trainingjob" not in page
    assert "Its processes still live" in page and "/free" not in page
    alive.clear()
    page = client.get("/pools").content.decode()
    assert "Its processes still live" not in page and "/free" in page
    Slot.objects.all().delete()
    assert "Nothing is held back." in client.get("/pools").content.decode()


def test_own_slots_are_named_and_linked(owner: Person, slot: uuid.UUID) -> None:
    client = Client()
    people.sign_in(client, owner)
    job = TrainingJob.objects.own(owner.actor, "get").get()
    page = client.get("/pools").content.decode()
    assert f'href="/training-jobs/{job.pk}">Training job {job.name}' in page
    assert "MiB</td>" not in page


def test_a_slot_in_use_is_no_dirty_one(operator: Person, slot: uuid.UUID) -> None:
    Slot.objects.update(dirty=False)
    assert dirty.held(operator.actor) == []
    with pytest.raises(NotFound):
        dirty.free(operator.actor, slot)


def test_only_the_operator(owner: Person, slot: uuid.UUID) -> None:
    for act in (lambda: dirty.held(owner.actor), lambda: dirty.free(owner.actor, slot)):
        with pytest.raises(AccessDenied):
            act()
    client = Client()
    people.sign_in(client, owner)
    page = client.get("/pools")
    assert page.status_code == 200 and f"/slots/{slot}/free" not in page.content.decode()
    assert client.post(f"/slots/{slot}/free").status_code == 403


def test_over_the_api(operator: Person, slot: uuid.UUID) -> None:
    client = Client(headers={"Authorization": f"Bearer {bearer(operator)}"})
    told = client.get("/api/v1/dirty-slots").json()["items"]
    assert [(t["attempt"], t["pids"]) for t in told] == [(str(slot), [])]
    assert client.post(f"/api/v1/dirty-slots/{slot}/free").status_code == 204
    assert client.get("/api/v1/dirty-slots").json()["items"] == []

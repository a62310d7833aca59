"""What the operator sees of backups, and when the plan makes one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core import installation, liveness
from ops import schedule
from ops.backup import rows
from ops.frame import banners, refused_sweeps
from ops.models import Backup
from storage.blob import keep
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.django_db
State = Backup.State


@pytest.fixture
def operator(settings: Any, tmp_path: Path) -> Person:
    settings.VAR_DIR = tmp_path
    return Person(make.root_of(make.account("operates", operator=True)))


def made(state: str, hours: float, **more: Any) -> Backup:
    """A backup that was begun so long ago."""
    row = rows.begin(f"b{Backup.objects.count()}", Path("/b"), planned=True, encrypted=False)
    begun = timezone.now() - dt.timedelta(hours=hours)
    Backup.objects.filter(pk=row.pk).update(state=state, begun_at=begun, **more)
    return row


def test_the_page_is_the_operators(operator: Person, client: Client) -> None:
    made(State.DONE, 1, size=5_000_000, message="")
    made(State.FAILED, 0.5, message="The disk is full.")
    people.sign_in(client, operator)
    page = client.get("/backups")
    assert page.status_code == 200
    text = page.content.decode()
    assert "The disk is full." in text
    assert "Last backup:" in text
    assert "<form" not in text.partition("<main")[2].partition("</main")[0]  # nothing restores
    stranger = Client()
    people.sign_in(stranger, people.root("acme"))
    assert stranger.get("/backups").status_code == 403
    assert "/backups" not in stranger.get("/").content.decode()


def test_a_late_backup_is_told_on_the_overview(operator: Person, settings: Any) -> None:
    assert banners(operator.actor, "") == []  # never made, and nobody planned one
    settings.MODELYARD_BACKUP_DIR = "/b"
    assert "no backup" in str(banners(operator.actor, "")[0].text)
    row = made(State.FAULTY, 23)
    assert banners(operator.actor, "") == []
    Backup.objects.filter(pk=row.pk).update(begun_at=timezone.now() - dt.timedelta(hours=25))
    assert "older than a day" in str(banners(operator.actor, "")[0].text)
    made(State.FAILED, 1)
    assert banners(operator.actor, "")  # a failed one is none
    settings.MODELYARD_BACKUP_EVERY = 24
    assert banners(operator.actor, "") == []  # late is twice the plan
    assert banners(people.root("acme").actor, "") == []


def test_when_one_is_due(operator: Person, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    monkeypatch.setattr(schedule, "start", lambda: begun.append(1))
    assert schedule.look() == "off"
    settings.MODELYARD_BACKUP_DIR = "/b"
    assert schedule.look() == "started"
    row = made(State.DONE, 11)
    assert schedule.look() == "early"
    Backup.objects.filter(pk=row.pk).update(begun_at=timezone.now() - dt.timedelta(hours=13))
    assert schedule.look() == "started"
    made(State.FAILED, 0.5)
    assert schedule.look() == "early"
    made(State.DONE, 0.1, planned=False)  # by hand: the plan goes on
    Backup.objects.filter(state=State.FAILED).update(
        begun_at=timezone.now() - dt.timedelta(hours=2)
    )
    assert schedule.look() == "started"
    made(State.RUNNING, 0.05)
    assert schedule.look() == "running"
    assert len(begun) == 3


def test_a_backup_whose_process_is_gone_has_ended(operator: Person, tmp_path: Path) -> None:
    host = liveness.me().partition(".")[0]
    mine = made(State.RUNNING, 0.01)
    gone = made(State.RUNNING, 0.01, process=f"{host}.4194303.1")
    elsewhere = made(State.RUNNING, 0.01, process="otherhost.1.1")
    late = made(State.RUNNING, 1, process="before-the-boot.1.1")
    works = made(State.RUNNING, 1, process="otherhost.1.2")
    keep.begin(works.name)
    finished = made(State.RUNNING, 1, process=f"{host}.4194303.1", place=str(tmp_path))
    folder = tmp_path / "backups" / finished.name
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()
    rows.close_killed()
    found = {row.pk: row.state for row in Backup.objects.all()}
    assert found == {
        mine.pk: "Running",
        gone.pk: "Failed",
        elsewhere.pk: "Running",
        late.pk: "Failed",  # else the plan would wait for it for ever
        works.pk: "Running",
        finished.pk: "Done",
    }
    assert "killed" in Backup.objects.get(pk=gone.pk).message


def test_a_sweep_that_took_nothing_is_told_on_the_overview(operator: Person) -> None:
    assert refused_sweeps(operator.actor, "") == []
    installation.note_refusal("objects", "34 of 34 objects would be taken")
    installation.note_refusal("attempts", "21 of 21 attempts would be taken")
    told = [str(banner.text) for banner in refused_sweeps(operator.actor, "")]
    assert len(told) == 2
    assert "34 of 34 objects would be taken" in told[0]
    assert refused_sweeps(operator.actor, "jobs") == []
    assert refused_sweeps(people.root("acme").actor, "") == []
    installation.note_refusal("objects", "")
    installation.note_refusal("attempts", "")
    assert refused_sweeps(operator.actor, "") == []

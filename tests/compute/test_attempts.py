"""The sweep of processes nobody wants, of old working files and of slots without an attempt."""

from __future__ import annotations

import datetime as dt
import os
import time
import uuid
from collections.abc import Collection
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from compute import attempts, local, tasks
from compute.backends import BackendError
from compute.sandbox import capabilities
from compute.slot import services as slots
from compute.slot.models import Slot
from core import installation
from core.models import Installation
from tests.compute.helpers import Lab
from tests.storage import people
from tests.waiting import until

REPORT = capabilities()
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
    ),
]
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HOLD
WRITES = (
    "open('/home/ma-user/left', 'w').write('x' * 1000)\n"
    "print('words that stay')\nraise SystemExit(3)\n"
)


@pytest.fixture(autouse=True)
def backend(lab: Lab, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that was begun long ago."""
    settings.VAR_DIR = lab.root / "installation"
    installation.row()
    begin_at(timezone.now() - dt.timedelta(days=30))
    installation.mark(start=True)
    monkeypatch.setattr(local, "current", lambda: lab.backend)


def begin_at(moment: dt.datetime) -> None:
    Installation.objects.update(created_at=moment)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Attempt id -> wanted alive: the only room that owns anything here."""
    table: dict[str, bool] = {}

    def provider(ids: Collection[uuid.UUID]) -> attempts.Owned:
        return attempts.owned((pk, table[str(pk)]) for pk in ids if str(pk) in table)

    monkeypatch.setattr(attempts, "_providers", [provider])
    return table


def make_old(lab: Lab, attempt: str, age: dt.timedelta) -> None:
    """Set the clock of an attempt's files back."""
    then = time.time() - age.total_seconds()
    for name in ("launch.lock", "state.json"):
        os.utime(lab.backend.directory(attempt) / name, (then, then))


def test_a_live_process_nobody_wants_is_killed_once_it_is_not_young(
    lab: Lab, rows: dict[str, bool]
) -> None:
    stray, wanted = lab.launch(lab.spec(HOLD)), lab.launch(lab.spec(HOLD))
    rows[wanted] = True
    for attempt in (stray, wanted):
        until(lambda attempt=attempt: "ready" in lab.log(attempt))
    assert attempts.sweep().killed == 0, "its row may not be visible yet"
    for attempt in (stray, wanted):
        make_old(lab, attempt, attempts.YOUNG)
    assert attempts.sweep().killed == 1
    until(lambda: lab.backend.observe(stray).phase == "lost")
    assert lab.backend.observe(wanted).alive
    assert attempts.sweep().killed == 0


def test_old_working_files_go_and_the_log_stays_while_there_is_a_row(
    lab: Lab, rows: dict[str, bool], settings: Any
) -> None:
    kept, gone = lab.run(WRITES).attempt, lab.run(WRITES).attempt
    rows[kept] = False
    work = lab.backend.directory(kept) / "work"
    for attempt in (kept, gone):
        make_old(lab, attempt, dt.timedelta(days=6))
    assert str(attempts.sweep()).startswith("0 killed, 0 emptied, 0 removed")
    assert work.exists()
    for attempt in (kept, gone):
        make_old(lab, attempt, dt.timedelta(days=8))
    done = attempts.sweep()
    assert (done.pruned, done.removed) == (1, 1)
    assert not work.exists()
    assert "words that stay" in lab.log(kept)
    assert lab.backend.observe(kept).state["outcome"] == "failed"
    assert lab.backend.observe(gone).phase == "missing"
    again = attempts.sweep()
    assert (again.pruned, again.removed) == (0, 0)


def test_thousands_of_ended_attempts_are_looked_at_a_few_at_a_time(
    lab: Lab, rows: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sweep holds in memory does not grow with the history of the host."""
    ids = [str(uuid.uuid4()) for _ in range(7)]
    for attempt in ids:
        place = lab.backend.directory(attempt)
        place.mkdir(parents=True)
        (place / "launch.lock").touch()
        (place / "state.json").write_text('{"phase": "exited"}')
        make_old(lab, attempt, dt.timedelta(days=8))
    asked: list[tuple[int, int]] = []
    seen: list[str] = []
    observe = lab.backend.observe
    monkeypatch.setattr(attempts, "CHUNK", 3)
    monkeypatch.setattr(lab.backend, "observe", lambda one: seen.append(one) or observe(one))
    monkeypatch.setattr(attempts.local, "current", lambda: lab.backend)
    ask = attempts.ask
    monkeypatch.setattr(
        attempts, "ask", lambda some: asked.append((len(some), len(set(seen)))) or ask(some)
    )
    assert attempts.sweep().removed == 7
    assert asked[:3] == [(3, 3), (3, 6), (1, 7)]


def unknown(lab: Lab, count: int) -> list[str]:
    """Directories of attempts that ended long ago and that no row knows."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for attempt in ids:
        place = lab.backend.directory(attempt)
        place.mkdir(parents=True)
        (place / "launch.lock").touch()
        (place / "state.json").write_text('{"phase": "exited"}')
        make_old(lab, attempt, dt.timedelta(days=8))
    return ids


def test_what_another_database_does_not_know_stays(lab: Lab, rows: dict[str, bool]) -> None:
    """A running attempt, an old directory and a slot, seen by a worker over another database."""
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    make_old(lab, attempt, dt.timedelta(minutes=3))
    (gone,) = unknown(lab, 1)
    Installation.objects.update(identity=uuid.uuid4().hex)
    assert str(attempts.sweep()).startswith("0 killed, 0 emptied, 0 removed")
    assert lab.backend.observe(attempt).phase == "running"
    assert lab.backend.directory(gone).is_dir()
    assert tasks.sweep().endswith(" 0 old engines removed")


def test_a_database_younger_than_the_attempts_takes_none(lab: Lab, rows: dict[str, bool]) -> None:
    (gone,) = unknown(lab, 1)
    begin_at(timezone.now())
    assert attempts.sweep().removed == 0
    assert lab.backend.directory(gone).is_dir()
    assert installation.row().refused.startswith("attempts: the database was begun on")
    begin_at(timezone.now() - dt.timedelta(days=30))
    assert attempts.sweep().removed == 1
    assert installation.row().refused == ""


def test_an_unusual_share_of_the_attempts_stays(lab: Lab, rows: dict[str, bool]) -> None:
    ids = unknown(lab, 21)
    assert attempts.sweep().removed == 0
    assert "21 of 21 attempts" in installation.row().refused
    for attempt in ids[1:]:
        rows[attempt] = False
    assert attempts.sweep().removed == 1


def test_what_runs_is_never_pruned(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    with pytest.raises(BackendError, match="still running"):
        lab.backend.prune(attempt, dt.timedelta(0))


def test_slots_without_an_attempt_are_given_back(lab: Lab, rows: dict[str, bool]) -> None:
    bucket = people.bucket(people.root("slots"), "slot-holder")
    ids = [uuid.uuid4() for _ in range(4)]
    for pk in ids:
        Slot.objects.create(
            attempt=pk,
            pool="public",
            flavor="modelyard.cpu.1u",
            cpus=1,
            memory_mb=1,
            account_id=bucket.account_id,
            resource_type="storage.bucket",
            resource_id=str(bucket.pk),
        )
    unknown, ended, wanted, dirty = ids
    rows |= {str(ended): False, str(wanted): True}
    slots.mark_dirty(dirty)
    assert attempts.sweep().released == 0, "a transaction may be about to record the attempt"
    Slot.objects.update(taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert "2 slots released" in tasks.sweep()
    assert set(Slot.objects.values_list("attempt", flat=True)) == {wanted, dirty}
    assert not Slot.objects.filter(attempt=unknown).exists()


def test_rooms_answer_for_what_they_own() -> None:
    """Without them the sweep would kill every job and every service."""
    names = {provider.__name__ for provider in attempts._providers}
    assert names == {"attempts_of_jobs", "attempts_of_services"}
    strangers = [str(uuid.uuid4()) for _ in range(attempts.CHUNK + 1)] + ["not-an-id"]
    assert attempts.ask(strangers) == attempts.Owned(frozenset(), frozenset())


def test_stop_runners_says_why_and_waits_until_they_are_gone(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [lab.launch(lab.spec(HOLD)) for _ in range(2)]
    for attempt in ids:
        until(lambda attempt=attempt: "ready" in lab.log(attempt))
    call_command("stop_runners")
    for attempt in ids:
        seen = lab.backend.observe(attempt)
        assert (seen.alive, seen.phase, seen.state["outcome"]) == (False, "exited", "stopped")
        assert seen.state["reason_code"] == attempts.PLATFORM_STOPPED
    assert "stopped 2 runners, 0 of them by force" in capsys.readouterr().out


def test_stop_runners_kills_what_does_not_end_in_time(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = lab.launch(lab.spec(STUBBORN))
    until(lambda: "ready" in lab.log(attempt))
    call_command("stop_runners", within=0.5)
    seen = lab.backend.observe(attempt)
    assert (seen.alive, seen.phase) == (False, "lost")
    assert seen.state["reason_code"] == attempts.PLATFORM_STOPPED, "the order explains the loss"
    assert "stopped 1 runners, 1 of them by force" in capsys.readouterr().out

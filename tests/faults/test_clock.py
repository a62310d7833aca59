"""A clock that is set back or forward a minute stops nothing and ends nothing."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from django.utils import timezone

from core import outbox, reconcile
from core.models import OutboxMessage
from ops import beat
from ops.beat import Every
from tests.accounts import make as accounts
from tests.core.test_kernel import fresh, job

MINUTE = dt.timedelta(seconds=60)
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.django_db
class TestPlans:
    def test_what_was_planned_before_the_step_is_due(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ahead = time.time() - time.monotonic()
        monkeypatch.setattr(reconcile, "_ahead", ahead + 60)  # the last sweep saw the old clock
        planned = job(accounts.account(), next_look_at=timezone.now() + MINUTE)
        far = job(accounts.account(), next_look_at=timezone.now() + 10 * MINUTE)
        due = [pk for _kind, pk in reconcile.claim_due()]
        assert str(planned.pk) in due
        assert str(far.pk) not in due
        assert reconcile._ahead == pytest.approx(ahead, abs=1)

    def test_without_a_step_plans_hold(self) -> None:
        reconcile.claim_due()
        planned = job(accounts.account(), next_look_at=timezone.now() + MINUTE)
        assert str(planned.pk) not in [pk for _kind, pk in reconcile.claim_due()]
        assert fresh(planned).next_look_at == planned.next_look_at

    def test_messages_from_the_future_are_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[str] = []
        monkeypatch.setattr(outbox, "publish_nowhere", lambda kind, pk: sent.append(pk))
        message = OutboxMessage.objects.create(resource_type="x", resource_id="one")
        OutboxMessage.objects.filter(pk=message.pk).update(created_at=timezone.now() + MINUTE)
        assert outbox.sweep() == 1
        assert sent == ["one"]


class TestBeat:
    @pytest.mark.parametrize("seconds", [1.0, 60.0])
    def test_a_task_sent_in_the_future_is_due(self, seconds: float) -> None:
        state = Every(seconds).is_due(dt.datetime.now(dt.UTC) + MINUTE)
        assert state.is_due
        assert state.next == seconds

    def test_a_task_sent_just_now_is_not(self) -> None:
        state = Every(60.0).is_due(dt.datetime.now(dt.UTC))
        assert not state.is_due
        assert 50 < state.next <= 60

    def test_it_survives_the_schedule_file(self) -> None:
        build, arguments = Every(5.0).__reduce__()[:2]
        again = build(*arguments)
        assert isinstance(again, Every)
        assert again.seconds == 5.0


class TestScheduler:
    """A whole scheduler whose wall clock is the test's; the monotonic one goes on."""

    def test_goes_on_sending_after_a_step_back(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        app = Celery(broker="memory://", set_as_current=False)
        app.conf.timezone = "UTC"
        app.conf.beat_schedule = {
            "often": {"task": "often", "schedule": 1.0},
            "seldom": {"task": "seldom", "schedule": 60.0},
        }
        wall, steady, sent = [1_800_000_000.0], [5_000.0], []
        monkeypatch.setattr(Celery, "now", lambda self: dt.datetime.fromtimestamp(wall[0], dt.UTC))
        monkeypatch.setattr(
            beat, "time", SimpleNamespace(time=lambda: wall[0], monotonic=lambda: steady[0])
        )
        scheduler = beat.Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
        monkeypatch.setattr(
            scheduler, "apply_entry", lambda entry, producer=None: sent.append(entry.task)
        )

        def run(seconds: int) -> int:
            before = len(sent)
            for _tenth in range(seconds * 10):
                for _entry in range(5):  # one tick sends one task
                    scheduler.tick()
                wall[0] += 0.1
                steady[0] += 0.1
            return sent[before:].count("often")

        assert 4 <= run(5) <= 6
        wall[0] -= 60
        assert 4 <= run(5) <= 7, "not silent until the old time comes again"
        wall[0] += 60
        assert 4 <= run(5) <= 7
        scheduler.close()

    def test_a_plan_kept_by_another_version_is_made_anew(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        class Gone(Every):
            """A class of a module that the new version does not have."""

        module = ModuleType("former_beat")
        Gone.__module__, Gone.__qualname__ = module.__name__, "Gone"
        module.Gone = Gone  # type: ignore[attr-defined]
        app = Celery(broker="memory://", set_as_current=False)
        app.conf.beat_schedule = {"often": {"task": "often", "schedule": Gone(5.0, app=app)}}
        file = str(tmp_path / "schedule")
        with monkeypatch.context() as former:
            former.setitem(sys.modules, module.__name__, module)
            beat.Scheduler(app, schedule_filename=file).close()
        app.conf.beat_schedule = {"often": {"task": "often", "schedule": 7.0}}
        scheduler = beat.Scheduler(app, schedule_filename=file)
        plan = scheduler.schedule["often"].schedule
        assert (type(plan), plan.seconds) == (Every, 7.0)
        scheduler.close()


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (apt install faketime)")
@pytest.mark.parametrize("step", ["-7200", "+7200"])
def test_a_runner_measures_with_the_clock_nobody_sets(step: str, tmp_path: Path) -> None:
    """State, heartbeat and stage seconds of a process whose wall clock steps in between."""
    setting = tmp_path / "faketime"
    setting.write_text("+0\n")
    script = tmp_path / "runner.py"
    script.write_text(
        "import sys, time, json\n"
        "from pathlib import Path\n"
        "from compute.runner.state import State, StateFile\n"
        "file = StateFile(Path(sys.argv[1]), State('a', 1, 'job'))\n"
        "file.enter('running', 'running')\n"
        "before = time.time()\n"
        f"Path(sys.argv[2]).write_text('{step}\\n')\n"
        "until = time.monotonic() + 300\n"
        "while abs(time.time() - before) < 3600 and time.monotonic() < until:\n"
        "    time.sleep(0.05)\n"
        "stepped = abs(time.time() - before) >= 3600\n"
        "assert file.beat(0.0)\n"
        "file.finish()\n"
        "print(json.dumps({'stepped': stepped, 'now': time.monotonic()}))\n"
    )
    done = subprocess.run(
        ["/usr/bin/python3", str(script), str(tmp_path / "state.json"), str(setting)],
        cwd=Path(__file__).resolve().parents[2],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(setting),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["stepped"], "the wall clock was set"
    state = json.loads((tmp_path / "state.json").read_text())
    assert 0 <= state["total_seconds"] < 600
    assert all(0 <= stage["seconds"] < 600 for stage in state["stages"])
    assert 0 <= said["now"] - state["heartbeat_monotonic"] < 600

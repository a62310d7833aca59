"""States, reconcilers, outbox, leases and lists, on a real stateful type."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.utils import timezone

from core import actor as actors
from core import outbox, reconcile, registry, states
from core.errors import IllegalTransition, StaleState
from core.listing import Branches
from core.models import AuditRecord, Event, Lease, OutboxMessage
from core.states import Stateful
from tests.accounts import make as accounts
from training.job.models import TrainingJob

_numbers = itertools.count(1)
PLATFORM = actors.system("test")


@pytest.fixture
def account(db: None) -> Any:
    return accounts.account()


def job(account: Any, phase: str = "Creating", **fields: Any) -> TrainingJob:
    return TrainingJob.objects.create(
        account=account,
        region="r",
        name=f"job{next(_numbers)}",
        phase=phase,
        code_bucket="b",
        boot_file="train.py",
        engine="e",
        flavor="f",
        **fields,
    )


def fresh(obj: TrainingJob) -> TrainingJob:
    return TrainingJob.objects.unscoped("test").get(pk=obj.pk)


class TestMachines:
    """The tables themselves."""

    @pytest.fixture(
        params=[s for s in registry.all_specs() if issubclass(s.model, Stateful)],
        ids=lambda spec: spec.type_label,
    )
    def machine(self, request: Any) -> Any:
        return request.param.model

    def test_every_phase_is_reachable_and_left(self, machine: Any) -> None:
        phases = set(machine.Phase.values)
        ends = {to for targets in machine.TRANSITIONS.values() for to in targets}
        starts = phases - ends
        assert len(starts) <= 1, f"never entered: {starts}"
        for phase in phases - set(machine.TERMINAL):
            assert machine.TRANSITIONS[phase], f"{phase} cannot be left"
        for phase in machine.TERMINAL:
            assert not machine.TRANSITIONS.get(phase)

    def test_everything_unsettled_is_watched(self, machine: Any) -> None:
        for phase in set(machine.Phase.values) - set(machine.TERMINAL) - set(machine.SETTLED):
            assert phase in machine.DEADLINES or phase in machine.HEARTBEATS, phase

    def test_every_phase_has_a_colour(self, machine: Any) -> None:
        assert set(machine.TONES) == set(machine.Phase.values)
        assert machine.PARKED in machine.Phase.values


class TestTransition:
    def test_writes_event_audit_and_outbox_together(self, account: Any) -> None:
        obj = job(account)
        states.transition(obj, "Pending", actor=PLATFORM, message="waiting")
        assert fresh(obj).phase == "Pending" and fresh(obj).version == 2
        event = Event.objects.get(resource_id=str(obj.pk))
        assert (event.phase_from, event.phase_to, event.message) == (
            "Creating",
            "Pending",
            "waiting",
        )
        assert AuditRecord.objects.get(resource_id=str(obj.pk)).after["phase"] == "Pending"
        assert OutboxMessage.objects.filter(resource_id=str(obj.pk)).count() == 1

    def test_all_pairs_outside_the_table_are_refused(self, account: Any) -> None:
        for here, to in itertools.permutations(TrainingJob.Phase.values, 2):
            if to in TrainingJob.TRANSITIONS.get(here, frozenset()):
                continue
            obj = job(account, phase=here)
            with pytest.raises(IllegalTransition) as refused:
                states.transition(obj, to, actor=PLATFORM)
            assert refused.value.extra["phase"] == here
            assert fresh(obj).phase == here

    def test_the_loser_of_a_race_changes_nothing(self, account: Any) -> None:
        obj = job(account)
        first, second = fresh(obj), fresh(obj)
        states.transition(first, "Pending", actor=PLATFORM)
        with pytest.raises(StaleState):
            states.transition(second, "Failed", actor=PLATFORM)
        assert fresh(obj).phase == "Pending"
        assert Event.objects.filter(resource_id=str(obj.pk)).count() == 1

    def test_terminal_is_final(self, account: Any) -> None:
        obj = job(account, phase="Completed")
        with pytest.raises(IllegalTransition):
            states.transition(obj, "Running", actor=PLATFORM)
        with pytest.raises(IllegalTransition):
            states.transition(obj, "Completed", actor=PLATFORM, secondary="Again")

    def test_a_failed_audit_write_undoes_the_move(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj = job(account)

        def broken(*args: Any, **kwargs: Any) -> None:
            raise OSError("the trail is full")

        monkeypatch.setattr("core.states.audit.record", broken)
        with pytest.raises(OSError, match="full"):
            states.transition(obj, "Pending", actor=PLATFORM)
        assert fresh(obj).phase == "Creating"
        assert not Event.objects.filter(resource_id=str(obj.pk)).exists()


class TestReconcile:
    @pytest.fixture
    def looked(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Replaces the job's reconciler by one that notes what it saw."""
        seen: list[Any] = []

        def look(obj: Any) -> float | None:
            seen.append(obj.pk)
            return None

        monkeypatch.setitem(reconcile._reconcilers, "training.trainingjob", look)
        return seen

    def test_one_look_at_a_time(self, account: Any, looked: list[Any]) -> None:
        obj = job(account)
        key = f"training.trainingjob:{obj.pk}"
        until = timezone.now() + dt.timedelta(seconds=30)
        Lease.objects.create(key=key, holder="somebody", expires_at=until)
        assert reconcile.look("training.trainingjob", str(obj.pk)) == "busy"
        assert looked == []
        assert Lease.objects.get(key=key).again, "the holder is asked for one more look"
        Lease.objects.filter(key=key).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
        assert reconcile.look("training.trainingjob", str(obj.pk)) == "done"
        assert looked == [obj.pk]
        assert not Lease.objects.filter(key=key).exists()

    def test_terminal_and_gone_are_left_alone(self, account: Any, looked: list[Any]) -> None:
        obj = job(account, phase="Failed")
        assert reconcile.look("training.trainingjob", str(obj.pk)) == "settled"
        pk = str(obj.pk)
        obj.delete()
        assert reconcile.look("training.trainingjob", pk) == "gone"
        assert looked == []

    def test_poison_is_parked_and_others_go_on(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(obj: Any) -> float | None:
            raise ZeroDivisionError("a bug of ours")

        monkeypatch.setitem(reconcile._reconcilers, "training.trainingjob", broken)
        obj = job(account)
        for _time in range(reconcile.POISON_AFTER - 1):
            assert reconcile.look("training.trainingjob", str(obj.pk)) == "failed"
            assert fresh(obj).phase == "Creating"
        reconcile.look("training.trainingjob", str(obj.pk))
        parked = fresh(obj)
        assert (parked.phase, parked.reason) == ("Failed", "RECONCILE_ERROR")
        assert "ZeroDivisionError" in parked.detail["trace"]

    def test_due_lists_what_must_be_looked_at(self, account: Any) -> None:
        now = timezone.now()
        due = job(account, next_look_at=now - dt.timedelta(seconds=1))
        job(account, next_look_at=now + dt.timedelta(minutes=1))
        job(account, phase="Completed", next_look_at=now - dt.timedelta(seconds=1))
        assert ("training.trainingjob", str(due.pk)) in list(reconcile.due())
        assert len([1 for label, _id in reconcile.due() if label == "training.trainingjob"]) == 1


class TestRounds:
    """A move during a look is followed up by that look; nobody writes himself a letter."""

    def look(self, monkeypatch: pytest.MonkeyPatch, obj: Any, *steps: Any) -> list[str]:
        """Look once, with a reconciler that takes one step a round; the phases it found."""
        seen: list[str] = []
        left = list(steps)

        def reconciler(found: Any) -> float | None:
            seen.append(found.phase)
            return left.pop(0)(found) if left else None  # type: ignore[no-any-return]

        monkeypatch.setitem(reconcile._reconcilers, "training.trainingjob", reconciler)
        reconcile.look("training.trainingjob", str(obj.pk))
        return seen

    @staticmethod
    def to(phase: str, wait: float | None = None) -> Any:
        def step(found: Any) -> float | None:
            states.transition(found, phase, actor=PLATFORM)
            return wait

        return step

    def test_a_move_brings_another_round_and_no_message(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj, began = job(account), timezone.now()
        assert self.look(monkeypatch, obj, self.to("Pending", 5.0)) == ["Creating", "Pending"]
        assert not OutboxMessage.objects.filter(resource_id=str(obj.pk)).exists()
        assert fresh(obj).next_look_at > began + dt.timedelta(seconds=1)

    def test_nothing_to_see_yet_ends_the_look(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj, began = job(account), timezone.now()
        step = self.to("Pending", reconcile.NotBefore(30.0))
        assert self.look(monkeypatch, obj, step) == ["Creating"]
        assert fresh(obj).next_look_at > began + dt.timedelta(seconds=20)

    def test_somebody_who_asks_meanwhile_is_heard_all_the_same(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj = job(account)

        def asked(found: Any) -> float | None:
            Lease.objects.update(again=True)  # as a second look does that finds this one going on
            return self.to("Pending", reconcile.NotBefore(30.0))(found)  # type: ignore[no-any-return]

        assert self.look(monkeypatch, obj, asked) == ["Creating", "Pending"]

    def test_the_end_is_the_end(self, account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        obj = job(account)
        assert self.look(monkeypatch, obj, self.to("Failed")) == ["Creating"]
        assert fresh(obj).next_look_at is None

    def test_what_never_rests_makes_room_for_others(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj = job(account)

        def restless(found: Any) -> float | None:
            outbox.poke(found)
            return 60.0

        seen = self.look(monkeypatch, obj, *[restless] * 10)
        assert len(seen) == reconcile.ROUNDS
        assert ("training.trainingjob", str(obj.pk)) in list(reconcile.due())

    def test_another_object_gets_its_message(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj, other = job(account), job(account)

        def step(found: Any) -> float | None:
            states.transition(other, "Pending", actor=PLATFORM)
            return None

        assert self.look(monkeypatch, obj, step) == ["Creating"]
        assert OutboxMessage.objects.filter(resource_id=str(other.pk)).count() == 1

    def test_after_the_look_moves_are_told_again(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj = job(account)
        self.look(monkeypatch, obj)
        states.transition(fresh(obj), "Pending", actor=PLATFORM)
        assert OutboxMessage.objects.filter(resource_id=str(obj.pk)).count() == 1


class TestOutbox:
    def test_a_broker_that_is_away_costs_one_sweep(
        self,
        account: Any,
        monkeypatch: pytest.MonkeyPatch,
        settings: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        sent: list[str] = []
        up = [False]

        def send(kind: str, pk: str) -> None:
            if not up[0]:
                raise ConnectionError("no broker")
            sent.append(pk)

        monkeypatch.setattr(outbox, "publish_nowhere", send)
        obj = job(account)
        with django_capture_on_commit_callbacks(execute=True):
            states.transition(obj, "Pending", actor=PLATFORM)
        assert sent == []
        message = OutboxMessage.objects.get(resource_id=str(obj.pk))
        assert message.published_at is None
        OutboxMessage.objects.filter(pk=message.pk).update(
            created_at=timezone.now() - dt.timedelta(seconds=10)
        )
        up[0] = True
        assert outbox.sweep() == 1
        assert sent == [str(obj.pk)]
        assert outbox.sweep() == 0, "published once"

    def test_a_broker_that_is_away_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever submits something must not wait for the broker's library to try again."""
        from celery import Celery
        from kombu.exceptions import OperationalError
        from kombu.utils import functional

        from console.celery import app

        def refuse(seconds: float) -> None:
            raise AssertionError(f"waits {seconds} s")

        monkeypatch.setattr(functional, "sleep", refuse)
        away = Celery(broker="redis://127.0.0.1:9/0", set_as_current=False)
        away.conf.broker_transport_options = app.conf.broker_transport_options
        with pytest.raises(OperationalError):
            away.send_task("core.look", retry=False)

    def test_one_message_that_cannot_go_keeps_the_rest(
        self, account: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def send(kind: str, pk: str) -> None:
            asked.append(pk)
            raise ConnectionError("no broker")

        monkeypatch.setattr(outbox, "publish_nowhere", send)
        for _number in range(3):
            OutboxMessage.objects.create(resource_type="t", resource_id="1")
        OutboxMessage.objects.update(created_at=timezone.now() - dt.timedelta(seconds=10))
        assert outbox.sweep() == 0
        assert len(asked) == 1, "the others would wait for the same broker"
        assert OutboxMessage.objects.filter(published_at=None).count() == 3

    def test_nothing_leaves_before_the_commit(
        self, account: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        obj = job(account)
        with django_capture_on_commit_callbacks() as waiting:
            states.transition(obj, "Pending", actor=PLATFORM)
            assert OutboxMessage.objects.get(resource_id=str(obj.pk)).published_at is None
        assert len(waiting) == 1


class TestBranches:
    """Two branches merged are what one sorted list would be."""

    @pytest.mark.parametrize("ordering", ["-created_at", "created_at", "name", "-name"])
    def test_merge_equals_one_query(self, account: Any, ordering: str) -> None:
        other = accounts.account()
        for number in range(12):
            owner = account if number % 3 else other
            obj = job(owner)
            when = timezone.now() - dt.timedelta(seconds=number // 2)
            TrainingJob.objects.unscoped("test").filter(pk=obj.pk).update(created_at=when)
        rows = TrainingJob.objects.unscoped("test")
        tie = "-id" if ordering.startswith("-") else "id"
        expected = list(rows.order_by(ordering, tie))
        both = Branches([rows.filter(account=account), rows.filter(account=other)], ordering)
        assert both.count() == 12
        for start, stop in ((0, 5), (5, 10), (10, 20), (0, 12)):
            assert both[start:stop] == expected[start:stop], (start, stop)

    def test_count_is_capped(self, account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for _one in range(4):
            job(account)
        monkeypatch.setattr("core.listing.COUNT_CAP", 2)
        assert Branches([TrainingJob.objects.unscoped("test")]).count() == 3

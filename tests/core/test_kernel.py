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
        assert (parked.phase, parked.reason) == ("Abnormal", "RECONCILE_ERROR")
        assert "ZeroDivisionError" in parked.detail["trace"]

    def test_due_lists_what_must_be_looked_at(self, account: Any) -> None:
        now = timezone.now()
        due = job(account, next_look_at=now - dt.timedelta(seconds=1))
        job(account, next_look_at=now + dt.timedelta(minutes=1))
        job(account, phase="Completed", next_look_at=now - dt.timedelta(seconds=1))
        assert ("training.trainingjob", str(due.pk)) in list(reconcile.due())
        assert len([1 for label, _id in reconcile.due() if label == "training.trainingjob"]) == 1


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

"""Looks are shared fairly among accounts, and one that takes too long is ended."""

from __future__ import annotations

import datetime as dt
import itertools
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from core import alarm, liveness, outbox, reconcile, tasks, turns
from core.models import Lease, OutboxMessage, Turn
from tests.accounts import make as accounts
from tests.core.test_kernel import fresh, job

KIND = "training.trainingjob"
LONG = "registry.model"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, one shift looks at everything."""
    monkeypatch.setattr(turns, "SHIFT", 600.0)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replaces the job's reconciler by one that notes whose object it saw."""
    seen: list[Any] = []

    def look(obj: Any) -> float | None:
        seen.append(obj.account_id)
        return 60.0

    monkeypatch.setitem(reconcile._reconcilers, KIND, look)
    return seen


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls to the workers, in place of the broker."""
    calls: list[str] = []
    monkeypatch.setattr(
        turns.current_app, "send_task", lambda name, **how: calls.append(name), raising=False
    )
    return calls


def waiting(account: Any, count: int = 1) -> list[Any]:
    made = [job(account) for _one in range(count)]
    for obj in made:
        outbox.poke(obj)
    return made


def under_way(account: Any, kind: str = KIND, holder: str = "") -> Lease:
    """A look of this host at some object of the account."""
    until = timezone.now() + dt.timedelta(seconds=30)
    number = Lease.objects.count()
    return Lease.objects.create(
        key=f"{kind}:{number}",
        holder=holder or f"{liveness.me()}.{number:012}",
        expires_at=until,
        account=account.pk,
    )


def asked() -> list[tuple[str, str]]:
    return [(row.account, row.resource_id) for row in OutboxMessage.objects.order_by("id")]


class TestTurns:
    def test_one_look_of_many_is_waited_for(self, looked: list[Any], sent: list[str]) -> None:
        """An account that comes last with one object is next, however many another one has."""
        many, one = accounts.account(), accounts.account()
        waiting(many, 30)
        first = turns.claim()
        assert first is not None and first.account == many.pk
        waiting(one)
        turns.charge(many.pk, 0.01)
        turns.work()
        assert looked[0] == one.pk
        assert looked.count(many.pk) == 29, "nothing is lost"

    def test_they_alternate(
        self, looked: list[Any], sent: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = itertools.count()  # every look takes as long as the others
        monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: next(clock) / 100))
        pair = [accounts.account(), accounts.account()]
        for account in pair:
            waiting(account, 4)
        turns.work()
        assert looked[:4].count(pair[0].pk) == 2

    def test_seconds_count_and_not_looks(
        self, monkeypatch: pytest.MonkeyPatch, sent: list[str]
    ) -> None:
        slow, quick = accounts.account(), accounts.account()
        seen: list[Any] = []

        def look(obj: Any) -> float | None:
            seen.append(obj.account_id)
            if obj.account_id == slow.pk:
                turns.charge(slow.pk, 5.0)
            return 60.0

        monkeypatch.setitem(reconcile._reconcilers, KIND, look)
        waiting(slow, 2)
        waiting(quick, 5)
        turns.work()
        assert seen == [slow.pk, *[quick.pk] * 5, slow.pk]

    def test_what_asks_twice_is_looked_at_once(self, looked: list[Any], sent: list[str]) -> None:
        obj = waiting(accounts.account())[0]
        outbox.poke(obj)
        outbox.poke(obj)
        assert turns.work() == 1
        assert asked() == []

    def test_a_message_of_the_broker_only_says_that_something_waits(
        self, looked: list[Any], sent: list[str]
    ) -> None:
        obj = job(accounts.account())
        assert tasks.look(KIND, str(obj.pk)) == 0, "it has been looked at, and nothing waits"
        waiting(obj.account)
        assert tasks.look() == 1

    def test_what_surrounds_a_look_costs_few_queries(
        self, looked: list[Any], sent: list[str], django_assert_num_queries: Any
    ) -> None:
        obj = waiting(accounts.account())[0]
        with django_assert_num_queries(11):  # two of them: savepoint of the lease, in a test alone
            # what waits; who looks; message and lease; who looks; the object; its next look; the
            # lease is given back; nothing waits
            assert turns.work() == 1
        assert looked == [obj.account_id] and not Lease.objects.exists()

    def test_a_debt_is_forgiven(self) -> None:
        account = accounts.account()
        for _time in range(20):
            turns.charge(account.pk, 40.0)
        assert Turn.objects.get().at < timezone.now() + turns.DEBT + dt.timedelta(seconds=41)
        Turn.objects.update(at=timezone.now() - dt.timedelta(hours=2))
        turns.forget()
        assert not Turn.objects.exists()


class TestRoom:
    """Of three processes an account has two at once; one of them for what takes long."""

    @pytest.fixture(autouse=True)
    def three(self, settings: Any) -> None:
        settings.MODELYARD_WORKER_PROCESSES = 3

    def test_one_process_stays_free_of_an_account(self, looked: list[Any], sent: list[str]) -> None:
        many, one = accounts.account(), accounts.account()
        under_way(many)
        waiting(many)
        assert turns.work() == 1
        under_way(many)
        waiting(many)
        assert turns.work() == 0
        assert len(asked()) == 1, "it waits for its turn"
        waiting(one)
        assert turns.work() == 1
        assert looked == [many.pk, one.pk]

    def test_looks_of_dead_processes_and_other_hosts_take_no_room(
        self, looked: list[Any], sent: list[str]
    ) -> None:
        account = accounts.account()
        here, pid, start = liveness.me().split(".")
        for holder in (f"{here}.{pid}.{int(start) + 1}.x", f"elsewhere123.{pid}.{start}.x"):
            for _one in range(2):
                under_way(account, holder=holder)
        waiting(account)
        assert turns.work() == 1

    def test_two_that_claim_at_once_do_not_both_look(
        self, looked: list[Any], sent: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The room is counted again once the lease is held: the later one puts its message back."""
        account = accounts.account()
        obj = waiting(account)[0]
        claimed = turns.claim()
        assert claimed is not None
        under_way(account), under_way(account)  # both claimed at the same moment, a bit earlier
        claims = iter([claimed, None])
        monkeypatch.setattr(turns, "claim", lambda: next(claims))
        assert turns.work() == 0
        assert looked == []
        assert asked() == [(account.pk, str(obj.pk))]
        assert not Lease.objects.filter(key=f"{KIND}:{obj.pk}").exists()

    def test_long_looks_leave_a_process_to_others(self) -> None:
        one, two, three = (accounts.account() for _one in range(3))
        held = turns.Held()
        assert held.lets(one.pk, LONG)
        under_way(one, LONG)
        held = turns.Held()
        assert not held.lets(one.pk, LONG), "one account has one of them"
        assert held.lets(one.pk, KIND) and held.lets(two.pk, LONG)
        under_way(two, LONG)
        held = turns.Held()
        assert not held.lets(three.pk, LONG)
        assert held.lets(three.pk, KIND)

    def test_a_single_process_looks_at_everything(self, settings: Any) -> None:
        settings.MODELYARD_WORKER_PROCESSES = 1
        assert turns.Held().lets(accounts.account().pk, LONG)


class TestSweep:
    def test_it_asks_for_a_slice_of_each_account(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reconcile, "SLICE", 6)
        monkeypatch.setattr(reconcile, "EACH", 3)
        many, one = accounts.account(), accounts.account()
        long_ago = timezone.now() - dt.timedelta(minutes=5)
        for _one in range(10):
            job(many, next_look_at=long_ago)
        job(one, next_look_at=timezone.now() - dt.timedelta(seconds=1))
        reconcile.claim_due()
        told = [account for account, _pk in asked()]
        assert (told.count(many.pk), told.count(one.pk)) == (3, 1)

    def test_what_waits_already_is_not_asked_for_again(self) -> None:
        account = accounts.account()
        obj = job(account, next_look_at=timezone.now() - dt.timedelta(seconds=1))
        outbox.poke(obj)
        reconcile.claim_due()
        assert len(asked()) == 1

    def test_an_account_with_much_waiting_gets_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconcile, "FULL", 3)
        account = accounts.account()
        waiting(account, 3)
        job(account, next_look_at=timezone.now() - dt.timedelta(seconds=1))
        assert reconcile.claim_due() == []

    def test_it_calls_as_many_workers_as_there_is_something_for(
        self, looked: list[Any], sent: list[str], settings: Any
    ) -> None:
        settings.MODELYARD_WORKER_PROCESSES = 3
        tasks.sweep()
        assert sent == []
        waiting(accounts.account(), 5)
        tasks.sweep()
        assert sent == ["core.look"] * 3

    def test_a_worker_that_looked_long_enough_calls_another(
        self, looked: list[Any], sent: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turns, "SHIFT", 0.0)
        waiting(accounts.account(), 3)
        assert tasks.look() == 1
        assert sent == ["core.look"]


def endless(obj: Any) -> float | None:
    while True:
        try:
            time.monotonic()
        except Exception:
            continue  # what hides errors does not hide the end


def asleep(obj: Any) -> float | None:
    time.sleep(1000)
    return None


class TestBudget:
    @pytest.mark.django_db(transaction=True)  # the end may come in the middle of a query
    @pytest.mark.parametrize("look", [endless, asleep])
    def test_a_look_that_takes_too_long_is_ended(
        self, look: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reconcile, "LOOK_SECONDS", 0.1)
        monkeypatch.setitem(reconcile._reconcilers, KIND, look)
        obj, began = job(accounts.account()), timezone.now()
        assert reconcile.look(KIND, str(obj.pk)) == "failed"
        seen = fresh(obj)
        assert seen.reconcile_failures == 1
        assert seen.next_look_at > began + dt.timedelta(seconds=5)
        assert not Lease.objects.exists()
        for _time in range(reconcile.POISON_AFTER - 1):
            reconcile.look(KIND, str(obj.pk))
        assert (fresh(obj).phase, fresh(obj).reason) == (obj.PARKED, "RECONCILE_ERROR")

    def test_an_alarm_around_another_one_still_rings(self) -> None:
        with pytest.raises(alarm.TookTooLong, match=r"0\.2 s"), alarm.within(0.2):
            with alarm.within(30):
                assert asked() == []
            time.sleep(30)

    def test_nothing_rings_afterwards(self) -> None:
        with alarm.within(60):
            assert asked() == []
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)

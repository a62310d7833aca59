"""A lease ends with the process that held it, and no outage keeps one alive."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError
from django.utils import timezone

from core import liveness, reconcile
from core.models import Lease
from tests.accounts import make as accounts
from tests.core.test_kernel import fresh, job

pytestmark = pytest.mark.postgresql

KIND = "training.trainingjob"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replaces the job's reconciler by one that notes what it saw."""
    seen: list[Any] = []

    def look(obj: Any) -> float | None:
        seen.append(obj.pk)
        return None

    monkeypatch.setitem(reconcile._reconcilers, KIND, look)
    return seen


def name_of_an_ended_process() -> str:
    code = "from core import liveness; print(liveness.me())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def taken(obj: Any, holder: str) -> str:
    key = f"{KIND}:{obj.pk}"
    until = timezone.now() + dt.timedelta(seconds=reconcile.LEASE_SECONDS)
    Lease.objects.create(key=key, holder=holder, expires_at=until)
    return key


class TestNames:
    def test_a_living_process_is_not_gone(self) -> None:
        assert not liveness.is_gone(f"{liveness.me()}.abc")

    def test_an_ended_one_is(self) -> None:
        assert liveness.is_gone(f"{name_of_an_ended_process()}.abc")

    def test_a_number_given_to_somebody_else_is_gone(self) -> None:
        host, pid, start = liveness.me().split(".")
        assert liveness.is_gone(f"{host}.{pid}.{int(start) + 1}")

    @pytest.mark.parametrize("name", ["", "somebody", "a.b.c", "otherhost1234.1.1", "x.-1.2"])
    def test_who_cannot_be_judged_counts_as_alive(self, name: str) -> None:
        assert not liveness.is_gone(name)

    def test_it_fits_the_column(self) -> None:
        longest = Lease._meta.get_field("holder").max_length
        assert longest is not None
        assert len(f"{liveness.me()}.{'x' * 12}") <= longest


@pytest.mark.django_db
class TestLease:
    def test_of_a_killed_worker_is_taken_over_at_once(self, looked: list[Any]) -> None:
        obj = job(accounts.account())
        key = taken(obj, f"{name_of_an_ended_process()}.{'0' * 12}")
        assert reconcile.look(KIND, str(obj.pk)) == "done"
        assert looked == [obj.pk]
        assert not Lease.objects.filter(key=key).exists()

    def test_of_a_living_one_is_respected(self, looked: list[Any]) -> None:
        obj = job(accounts.account())
        key = taken(obj, f"{liveness.me()}.{'0' * 12}")
        assert reconcile.look(KIND, str(obj.pk)) == "busy"
        assert looked == []
        assert Lease.objects.get(key=key).again

    def test_is_given_back_when_the_look_breaks_off(
        self, looked: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(obj: Any) -> float | None:
            raise KeyboardInterrupt

        monkeypatch.setitem(reconcile._reconcilers, KIND, killed)
        obj = job(accounts.account())
        with pytest.raises(KeyboardInterrupt):
            reconcile.look(KIND, str(obj.pk))
        assert not Lease.objects.exists()

    def test_that_could_not_be_given_back_is_given_back_later(
        self, looked: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        obj = job(accounts.account())
        away = [True]
        delete = type(Lease.objects.all())._raw_delete

        def unreliable(rows: Any, using: str) -> Any:
            if rows.model is Lease and away[0]:
                raise OperationalError("server closed the connection unexpectedly")
            return delete(rows, using)

        monkeypatch.setattr("django.db.models.query.QuerySet._raw_delete", unreliable)
        assert reconcile.look(KIND, str(obj.pk)) == "done"
        assert Lease.objects.count() == 1
        with pytest.raises(DatabaseError):
            reconcile.release_left()
        away[0] = False
        assert reconcile.look(KIND, str(obj.pk)) == "done", "nobody waits for it to run out"
        assert looked == [obj.pk, obj.pk]
        assert not Lease.objects.exists()


@pytest.mark.django_db
class TestOutage:
    @pytest.mark.parametrize(
        "error",
        [
            OperationalError("database is locked"),
            OperationalError("connection to server failed: Connection refused"),
            OSError(28, "No space left on device"),
        ],
    )
    def test_an_object_is_not_parked_for_what_is_away(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look(obj: Any) -> float | None:
            raise error

        monkeypatch.setitem(reconcile._reconcilers, KIND, look)
        obj = job(accounts.account())
        for _time in range(reconcile.POISON_AFTER + 3):
            assert reconcile.look(KIND, str(obj.pk)) == "away"
        seen = fresh(obj)
        assert (seen.phase, seen.reconcile_failures) == ("Creating", 0)
        assert seen.next_look_at is not None
        assert seen.next_look_at <= timezone.now() + dt.timedelta(seconds=reconcile.PERIOD)

    def test_a_missing_table_is_a_mistake_and_no_outage(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def look(obj: Any) -> float | None:
            raise OperationalError("no such table: nothing")

        monkeypatch.setitem(reconcile._reconcilers, KIND, look)
        obj = job(accounts.account())
        assert reconcile.look(KIND, str(obj.pk)) == "failed"
        assert fresh(obj).reconcile_failures == 1


@pytest.mark.django_db
class TestDelivery:
    """The broker may deliver a look twice, late, or never."""

    def test_late_ones_find_it_settled(self, looked: list[Any]) -> None:
        obj = job(accounts.account(), phase="Completed")
        assert reconcile.look(KIND, str(obj.pk)) == "settled"
        assert looked == []

    def test_one_sweep_asks_once_until_the_look_is_late(self) -> None:
        now = timezone.now()
        obj = job(accounts.account(), next_look_at=now - dt.timedelta(seconds=1))
        assert (KIND, str(obj.pk)) in reconcile.claim_due()
        assert (KIND, str(obj.pk)) not in reconcile.claim_due(), "asked for a moment ago"
        planned = fresh(obj).next_look_at
        assert planned is not None
        assert planned <= timezone.now() + dt.timedelta(seconds=reconcile.REPEAT), "not forgotten"

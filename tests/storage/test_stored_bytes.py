"""An account stores so many bytes: counted with every blob, refused beyond the limit."""

from __future__ import annotations

import io
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from accounts.account import services as accounts
from accounts.quota import services as limits
from core import quotas
from core.errors import QuotaExceeded
from storage.blob import sweeping, usage
from storage.blob.models import Blob, StoredBytes
from storage.object import services as objects
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.postgresql

MIB = 1024 * 1024
HALF = bytes(MIB // 2)


def held(person: Person) -> int:
    return usage.total(person.user.account_id)


def really(person: Person) -> int:
    rows = Blob.objects.filter(account_id=person.user.account_id)
    return rows.aggregate(all=models.Sum("size"))["all"] or 0


@pytest.fixture
def small(alice: Person) -> Person:
    """One MiB is all that alice's account may store."""
    people.bucket(alice)
    quotas.write(alice.user.account_id, usage.KEY, 1)
    return alice


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("read before it was refused")


@pytest.mark.django_db(transaction=True)
def test_what_comes_and_goes_is_counted(alice: Person) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "a", b"12345")
    people.put(alice, "team1", "b", b"123")
    assert held(alice) == really(alice) == 8
    people.put(alice, "team1", "a", b"1")
    assert held(alice) == really(alice) == 4
    objects.delete_object(alice.actor, "team1", "b")
    objects.delete_prefix(alice.actor, "team1", "")
    assert held(alice) == really(alice) == 0
    sweeping.sweep()
    assert held(alice) == 0


def test_beyond_the_limit_nothing_is_read_or_stored(small: Person, var_dir: Path) -> None:
    people.put(small, "team1", "a", HALF)
    people.put(small, "team1", "b", HALF)
    with pytest.raises(QuotaExceeded) as refused:
        objects.put_object(small.actor, "team1", "c", Unread(), size=1)
    assert refused.value.extra == {"quota": "stored_mib", "limit": 1, "used": 1}
    assert "may store 1 MiB and would hold 2 MiB" in str(refused.value)
    assert held(small) == really(small) == MIB
    assert sum(1 for p in (var_dir / "objects").rglob("*") if p.is_file()) == 2


def test_without_an_announced_length_it_is_refused_when_it_is_known(
    small: Person, var_dir: Path
) -> None:
    people.put(small, "team1", "a", HALF)
    with pytest.raises(QuotaExceeded):
        objects.put_object(small.actor, "team1", "b", io.BytesIO(bytes(MIB)))
    assert held(small) == really(small) == MIB // 2
    assert sum(1 for p in (var_dir / "objects").rglob("*") if p.is_file()) == 1


def test_replacing_needs_room_for_the_difference_only(small: Person) -> None:
    people.put(small, "team1", "a", HALF)
    people.put(small, "team1", "b", HALF)
    people.put(small, "team1", "b", HALF)
    quotas.write(small.user.account_id, usage.KEY, 0)  # lowered: nothing is taken away
    people.put(small, "team1", "b", b"less")
    with pytest.raises(QuotaExceeded):
        people.put(small, "team1", "c", b"x")


def test_it_is_shown_and_raised_like_others(small: Person, mallory: Person) -> None:
    people.put(small, "team1", "a", b"12345")
    found = {row.key: row for row in limits.own(small.actor)}[usage.KEY]
    assert (found.used, found.limit, found.default) == (1, 1, usage.DEFAULT)
    assert {row.key: row for row in limits.own(mallory.actor)}[usage.KEY].used == 0
    operator = Person(accounts.make("operator", is_operator=True)[1])
    raised = limits.set_limit(operator.actor, small.user.account_id, usage.KEY, 50_000_000)
    assert raised.limit == 50_000_000


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite lets one writer in at a time anyway"
)
@pytest.mark.django_db(transaction=True)
def test_many_uploads_at_once_do_not_pass_it(alice: Person) -> None:
    people.bucket(alice)
    quotas.write(alice.user.account_id, usage.KEY, 1)
    gate, outcomes = threading.Barrier(6), []

    def send(number: int) -> None:
        try:
            gate.wait()
            people.put(alice, "team1", f"k{number}", bytes(MIB // 4 + 1))
            outcomes.append("stored")
        except QuotaExceeded:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 3 + ["stored"] * 3
    assert held(alice) == really(alice) <= MIB


def test_an_installation_with_data_counts_it_once(alice: Person) -> None:
    """The migration adds up what was stored before there was a counter."""
    people.bucket(alice)
    people.put(alice, "team1", "a", b"12345")
    StoredBytes.objects.all().delete()
    migration: Any = import_module("storage.migrations.0002_stored_bytes")
    migration.count(apps, None)
    assert held(alice) == 5

"""A backup that runs keeps the bytes that its copy of the database may refer to."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path

import pytest
from django.utils import timezone

from core.models import Lease
from storage.blob import keep, sweeping
from storage.object import services as objects
from storage.object.models import StoredObject
from tests.storage import people
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def stored(var: Path) -> list[Path]:
    """Files in their place: not in the trash."""
    return [p for p in (var / "objects").glob("??/*") if p.is_file()]


def age(var: Path) -> None:
    """Every stored file was written two hours ago."""
    for path in stored(var):
        os.utime(path, (time.time() - 7200, time.time() - 7200))


def remove(person: Person, key: str) -> None:
    objects.delete_object(person.actor, "team1", key)
    assert not StoredObject.objects.unscoped("test").filter(key=key).exists()


def test_bytes_deleted_while_a_backup_runs_go_with_the_sweep_after_it(
    alice: Person, var_dir: Path
) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "a.txt", b"kept for the backup")
    keep.begin("one")
    remove(alice, "a.txt")
    age(var_dir)
    assert len(stored(var_dir)) == 1
    assert sweeping.sweep().trashed == 0
    assert len(stored(var_dir)) == 1

    keep.end("one")
    assert sweeping.sweep().trashed == 1
    assert stored(var_dir) == []


def test_a_backup_that_begins_while_the_sweep_looks_loses_nothing(
    alice: Person, var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "a.txt", b"in the copy")
    look = sweeping._look

    def meanwhile() -> object:
        keep.begin("one")  # its copy of the database has the object
        remove(alice, "a.txt")
        age(var_dir)
        return look()

    monkeypatch.setattr(sweeping, "_look", meanwhile)
    assert sweeping.sweep().trashed == 0
    assert len(stored(var_dir)) == 1


def test_a_killed_backup_keeps_nothing_for_long(alice: Person, var_dir: Path) -> None:
    people.bucket(alice)
    people.put(alice, "team1", "a.txt", b"x")
    keep.begin("killed")
    past = timezone.now() - dt.timedelta(seconds=1)
    Lease.objects.filter(key__startswith=keep.PREFIX).update(expires_at=past)
    assert not keep.wanted()
    assert not keep.renew("killed")  # it must not go on: bytes may have gone since
    remove(alice, "a.txt")
    assert stored(var_dir) == []
    keep.begin("next")
    keys = Lease.objects.filter(key__startswith=keep.PREFIX).values_list("key", flat=True)
    assert list(keys) == [f"{keep.PREFIX}next"]


def test_of_two_backups_the_last_one_ends_it() -> None:
    keep.begin("one")
    keep.begin("two")
    assert keep.renew("one")
    keep.end("one")
    assert keep.wanted()
    keep.end("two")
    assert not keep.wanted()

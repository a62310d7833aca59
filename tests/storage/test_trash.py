"""A sweep moves to a trash, gives back what is wanted, and takes nothing it cannot be sure of."""

from __future__ import annotations

import datetime as dt
import io
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core import installation
from core.installation import places
from core.models import Installation
from storage.backends import store
from storage.blob import services as blobs
from storage.blob import sweeping, usage
from storage.blob.models import Blob
from storage.object import listing
from storage.tasks import sweep as sweep_task
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.postgresql

OLD = 2 * sweeping.ORPHAN_AGE


@pytest.fixture(autouse=True)
def marked(alice: Person, var_dir: Path) -> Iterator[None]:
    """An installation that was started long ago."""
    people.bucket(alice)
    installation.mark(start=True)
    installation._agreed.clear()
    yield
    installation.installation_id.cache_clear()


def names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in found if path.name != places.MARKER)


def in_place(var: Path) -> list[str]:
    return [name for name in names(var / "objects") if name not in names(var / "objects/trash")]


def strays(count: int, size: int = 5) -> list[str]:
    """Bytes without a row."""
    found = [blobs.write(io.BytesIO(bytes(size)))[0].hex for _one in range(count)]
    return sorted(found)


def grow_old(var: Path, seconds: float = OLD) -> None:
    moment = time.time() - seconds
    for path in (var / "objects").rglob("*"):
        if path.is_file() and path.name != places.MARKER:
            os.utime(path, (moment, moment))
    Blob.objects.update(created_at=timezone.now() - dt.timedelta(seconds=seconds))


def test_the_sweep_takes_orphans_and_only_them(alice: Person, var_dir: Path) -> None:
    kept = people.put(alice, "team1", "x", b"1")
    stray, _written = blobs.write(io.BytesIO(b"stray"))
    partial = var_dir / "objects" / "partial" / ("1" * 32)
    partial.write_bytes(b"half")
    unreferenced, written = blobs.write(io.BytesIO(b"row without a reference"))
    Blob.objects.create(
        id=unreferenced,
        account_id=alice.actor.account_id,
        size=written.size,
        sha256=written.sha256,
    )
    usage.add(alice.actor.account_id, written.size)
    young = sweeping.sweep()  # an upload may be between its two steps
    assert (young.trashed, young.partial) == (0, 0)
    grow_old(var_dir)
    done = sweeping.sweep()
    assert (done.trashed, done.partial, done.refused) == (2, 1, "")
    assert in_place(var_dir) == [kept.blob.stored_name]
    assert names(var_dir / "objects" / "trash") == sorted([stray.hex, unreferenced.hex])
    assert not Blob.objects.filter(pk=unreferenced).exists()


def test_bytes_whose_row_comes_back_are_put_back(alice: Person, var_dir: Path) -> None:
    """A dump without the newest rows was loaded for an hour, then the right one."""
    row = people.put(alice, "team1", "x", b"precious")
    blob, key = row.blob, row.key
    type(row)._base_manager.filter(pk=row.pk).delete()
    Blob.objects.filter(pk=blob.pk).delete()
    grow_old(var_dir)
    assert sweeping.sweep().trashed == 1
    assert in_place(var_dir) == []
    blob.save(force_insert=True)
    row.save(force_insert=True)
    # A reader does not wait for the sweep.
    with blobs.read(listing.get_object(alice.actor, "team1", key).blob) as stream:
        assert stream.read() == b"precious"
    store().trash(blob.stored_name)
    assert sweeping.sweep().put_back == 1
    assert in_place(var_dir) == [blob.stored_name]


def test_the_trash_keeps_for_days(var_dir: Path, settings: Any) -> None:
    settings.MODELYARD_TRASH_DAYS = 7
    (name,) = strays(1)
    grow_old(var_dir)
    assert sweeping.sweep().trashed == 1
    (found,) = sweeping.trashed()
    assert (found.name, found.size, found.day) == (name, 5, dt.datetime.now(dt.UTC).date())
    today = var_dir / "objects" / "trash" / found.day.isoformat()
    for days, removed in ((7, 0), (8, 1)):
        then = today.with_name((found.day - dt.timedelta(days=days)).isoformat())
        next(today.parent.iterdir()).rename(then)
        assert sweeping.sweep().removed == removed
    assert sweeping.trashed() == []
    assert not any(today.parent.iterdir())


def test_an_unusual_share_is_refused_until_the_operator_says_so(
    alice: Person, var_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people.put(alice, "team1", "x", b"1")
    lost = strays(21)
    grow_old(var_dir)
    assert "21 of 22 objects would be taken" in sweep_task()
    assert len(in_place(var_dir)) == 22
    assert "unusual share" in installation.row().refused
    with pytest.raises(CommandError, match="--anyway"):
        call_command("trash", "sweep")
    call_command("trash", "sweep", "--anyway")
    assert names(var_dir / "objects" / "trash") == lost
    assert sweep_task().startswith("0 to the trash")
    assert installation.row().refused == ""
    call_command("trash", "list")
    assert "21 in the trash, 105 bytes" in capsys.readouterr().out
    call_command("trash", "restore", lost[0])
    call_command("trash", "restore", "--all")
    assert len(in_place(var_dir)) == 22
    with pytest.raises(CommandError, match="hexadecimal"):
        call_command("trash", "restore", "../../etc/passwd")


def test_few_objects_with_most_of_the_bytes_are_unusual_too() -> None:
    usual = installation.reason_to_refuse
    assert usual("objects", 20, 20, taken_bytes=9, total_bytes=9) == ""
    assert usual("objects", 21, 1000, taken_bytes=1, total_bytes=100) == ""
    assert usual("objects", 21, 1000, taken_bytes=11, total_bytes=100)
    assert usual("objects", 101, 1000, taken_bytes=1, total_bytes=100)


def test_rows_without_a_reference_are_counted_too(alice: Person, var_dir: Path) -> None:
    """A table that lost its rows would free every blob."""
    rows = [people.put(alice, "team1", f"k{n}", b"1") for n in range(25)]
    type(rows[0])._base_manager.all().delete()
    grow_old(var_dir)
    assert "25 of 25 rows without a reference" in sweeping.sweep().refused
    assert Blob.objects.count() == 25


def test_a_database_younger_than_the_store(alice: Person, var_dir: Path) -> None:
    """Made anew over the same bytes, adopted by whoever wanted it to start."""
    people.put(alice, "team1", "x", b"1")
    strays(3)
    grow_old(var_dir, 86400)
    Installation.objects.update(created_at=timezone.now())
    assert "is younger than what is stored" in sweeping.sweep().refused
    assert len(in_place(var_dir)) == 4
    assert names(var_dir / "objects" / "trash") == []


def another_id(_var: Path) -> None:
    Installation.objects.update(identity=uuid.uuid4().hex)


def a_fresh_one(_var: Path) -> None:
    Installation.objects.update(identity=uuid.uuid4().hex, generation=0)


def an_older_dump(_var: Path) -> None:
    before = Installation.objects.get()
    for _beat in range(2):
        installation.pulse()
    before.save()


def no_marker(var: Path) -> None:
    (var / "objects" / places.MARKER).unlink()


@pytest.mark.parametrize("happened", [another_id, a_fresh_one, an_older_dump, no_marker])
def test_nothing_moves_where_the_stores_do_not_belong_together(
    alice: Person,
    var_dir: Path,
    happened: Callable[[Path], None],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    """Not by the sweep, not out of the trash, and not with a row that somebody deletes."""
    row = people.put(alice, "team1", "x", b"1")
    (stray, trashed) = strays(2)
    grow_old(var_dir)
    store().trash(trashed)
    long_ago = var_dir / "objects" / "trash" / "2020-01-01"
    next((var_dir / "objects" / "trash").iterdir()).rename(long_ago)
    happened(var_dir)
    installation._agreed.clear()
    before = names(var_dir / "objects")
    assert "do not belong together" in sweep_task()
    with django_capture_on_commit_callbacks(execute=True):
        people.objects.delete_object(alice.actor, "team1", row.key)
    assert names(var_dir / "objects") == before
    assert stray in before and trashed in names(long_ago)

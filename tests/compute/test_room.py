"""A slot promises a disk, and a promise is given only where it can be kept."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
import uuid
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute import attempts, local
from compute.catalog import flavors
from compute.catalog.flavors import MIB, Flavor
from compute.runner import volume
from compute.slot import room
from compute.slot import services as slots
from compute.slot.models import Slot
from core import installation
from storage import room as storage_room
from tests.accounts import make
from tests.compute.helpers import Lab

GIB = 1024 * MIB
Usage = namedtuple("Usage", "total used free")
pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
WRITES = "open('kept', 'wb').write(bytes(4 << 20))\nprint('words that stay')\nraise SystemExit(3)\n"


class Host:
    """A disk of any size, and what attempts hold of it."""

    def __init__(self) -> None:
        self.total, self.free = 100 * GIB, 40 * GIB
        self.held: dict[str, int] = {}

    def disk_held(self, attempt: str) -> int:
        return self.held.get(attempt, 0)


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, one look removes everything."""
    monkeypatch.setattr(attempts, "ROOM_SECONDS", 600.0)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Host:
    settings.MODELYARD_DISK_RESERVE, settings.MODELYARD_POOL_DISK = GIB, 0
    settings.MODELYARD_POOL_CPUS = 64
    flavors.pools.cache_clear()
    found = Host()
    monkeypatch.setattr(local, "current", lambda: found)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(found.total, 0, found.free))
    monkeypatch.setattr(volume, "available", lambda: False)
    monkeypatch.setitem(flavors.FLAVORS, "big", Flavor("big", 1, 64, 10 * 1024, "ten GiB"))
    monkeypatch.setattr(room, "LEAST_MB", 10 * 1024)
    yield found
    flavors.pools.cache_clear()


class Thing:
    """What a slot is taken for."""

    pk = uuid.uuid4()

    def __init__(self) -> None:
        self.account_id = make.account().pk

    class _meta:
        label_lower = "training.trainingjob"


def take(thing: Thing) -> Slot | None:
    return slots.take("public", "big", uuid.uuid4(), thing)


def test_no_more_is_promised_than_is_there(host: Host) -> None:
    """39 GiB without the reserve hold three times ten."""
    thing = Thing()
    assert [bool(take(thing)) for _ in range(4)] == [True, True, True, False]
    assert "Needs 10,240 MB of disk; 9,216 of 39,936" in slots.shortage("public", "big")
    assert slots.disk_lacking("public", "big") == GIB


def test_what_was_taken_is_not_counted_twice(host: Host) -> None:
    thing = Thing()
    first = take(thing)
    assert first is not None
    host.held[str(first.attempt)], host.free = 10 * GIB, 30 * GIB
    assert slots.use("public").room == room.Room(39 * 1024, 10 * 1024)
    assert [bool(take(thing)) for _ in range(3)] == [True, True, False]


def test_what_others_store_meanwhile_is_not_promised(host: Host) -> None:
    thing = Thing()
    assert take(thing)
    host.free = 20 * GIB  # uploads
    assert take(thing) is None


def test_an_attempt_that_holds_more_than_it_was_promised_counts_with_all(host: Host) -> None:
    thing = Thing()
    first = take(thing)
    assert first is not None
    host.held[str(first.attempt)], host.free = 25 * GIB, 15 * GIB
    assert slots.use("public").room.free == 14 * 1024


def test_on_a_small_disk_a_flavor_gets_its_part(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the disk for attempts, shared like the processors, never less than the least."""
    monkeypatch.setattr(room, "LEAST_MB", 256)
    use = slots.use("public")
    half = 39 * 1024 // 2
    assert use.disk_of(flavors.FLAVORS["big"]) == half // 64 // 64 * 64
    host.free = 5 * GIB
    assert slots.use("public").disk_of(flavors.FLAVORS["big"]) == 256
    slot = take(Thing())
    assert slot is not None
    assert slots.limits_of(slot.attempt, "big").disk_mb == 256


def test_what_is_known_to_be_enough_is_not_exceeded(host: Host) -> None:
    slot = slots.take("public", "big", uuid.uuid4(), Thing(), 1024)
    assert slot is not None
    assert (slot.disk_mb, slots.use("public").room.promised) == (1024, 1024)


def test_the_operator_may_say_how_much_attempts_share(
    host: Host, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LEAST_MB", 256)
    settings.MODELYARD_POOL_DISK = 64 * 4 * GIB
    assert slots.use("public").disk_of(flavors.FLAVORS["big"]) == 4 * 1024


@pytest.mark.parametrize(
    ("total", "kept"), [(GIB, 128 * MIB), (20 * GIB, GIB), (4096 * GIB, 5 * GIB)]
)
def test_the_platform_keeps_a_reserve(settings: Any, total: int, kept: int) -> None:
    settings.MODELYARD_DISK_RESERVE = 0
    assert storage_room.reserve(total) == kept


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    alive: set[str] = set()
    monkeypatch.setattr(
        attempts, "_providers",
        [lambda ids: attempts.owned((pk, str(pk) in alive) for pk in ids)],
    )  # fmt: skip
    return alive


@pytest.fixture
def ended(lab: Lab, monkeypatch: pytest.MonkeyPatch, wanted: set[str]) -> Iterator[list[str]]:
    """Three ended attempts with files, the first one the oldest."""
    monkeypatch.setattr(local, "current", lambda: lab.backend)
    monkeypatch.setattr(installation, "sweeps_allowed", lambda: True)
    found = [lab.run(WRITES).attempt for _ in range(3)]
    for days, attempt in enumerate(reversed(found), start=1):
        age(lab, attempt, dt.timedelta(days=days))
    return found


def blocks(place: Path) -> int:
    """Bytes that the files below ``place`` take of the disk."""
    return sum(path.lstat().st_blocks * 512 for path in place.rglob("*"))


def age(lab: Lab, attempt: str, by: dt.timedelta) -> None:
    folder = lab.backend.directory(attempt)
    moment = folder.stat().st_mtime - by.total_seconds()
    for name in ("state.json", "launch.lock"):
        os.utime(folder / name, (moment, moment))


def test_working_files_of_the_attempt_that_ended_first_make_room(
    lab: Lab, ended: list[str]
) -> None:
    place = lab.backend.directory(ended[0])
    held = blocks(place)
    freed = attempts.make_room(1)
    assert freed >= 4 * MIB
    assert held - blocks(place) >= 4 * MIB
    assert lab.backend.kept() == ended[1:]
    assert "words that stay" in lab.log(ended[0])
    assert attempts.make_room(0) == 0
    assert lab.backend.kept() == ended[1:]


def test_files_of_a_failed_upload_go_last(lab: Lab, ended: list[str]) -> None:
    state = Path(lab.backend.directory(ended[0]), "state.json")
    seen = state.stat()
    state.write_text(state.read_text().replace('"USER_CODE"', '"UPLOAD_FAILED"'))
    os.utime(state, (seen.st_mtime, seen.st_mtime))
    assert lab.backend.may_retry_upload(ended[0])
    attempts.make_room(1)
    assert lab.backend.kept() == [ended[0], ended[2]]
    attempts.make_room(1 << 60)
    assert lab.backend.kept() == []


def test_removing_more_than_a_look_can_ends_without_a_failure(
    lab: Lab, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look belongs to somebody else, whose job must not be parked for it."""

    def prune(attempt: str, older_than: dt.timedelta) -> bool:
        if attempt == ended[0]:
            return backend.prune(attempt, older_than)
        signal.setitimer(signal.ITIMER_REAL, 0.001)  # the time is over
        time.sleep(1000)
        return True

    backend = type(lab.backend)(lab.backend.root)
    monkeypatch.setattr(lab.backend, "prune", prune)
    assert attempts.make_room(1 << 60) >= 4 * MIB, "what went is told"
    assert lab.backend.kept() == ended[1:]


def test_what_somebody_wants_stays(lab: Lab, ended: list[str], wanted: set[str]) -> None:
    wanted.update(ended)
    assert attempts.make_room(1 << 60) == 0
    assert lab.backend.kept() == ended


def test_nothing_is_removed_where_the_stores_do_not_belong_together(
    lab: Lab, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "sweeps_allowed", lambda: False)
    assert attempts.make_room(1 << 60) == 0
    assert lab.backend.kept() == ended

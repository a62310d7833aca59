"""Backups of small installations: real files, real processes, on the database of the run."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ops.small import KIND, Small, ids, manifest, stored

New = Callable[..., Small]
#: a management command whose backup stops for good before it counts
HELD = """
import os, signal, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
import django
django.setup()
from django.core.management import call_command
from ops.backup.place import Place

def held(*given):
    print("held", flush=True)
    while True:
        signal.pause()

Place.finish = held
call_command(*sys.argv[1:])
"""


def test_what_is_written_while_it_works_comes_back_whole(
    small: Small, place: Path, new: New, tmp_path: Path
) -> None:
    stop = tmp_path / "stop"
    busy = [small.start("tests/ops/fill.py", "load", stop) for _ in range(2)]
    try:
        small.good(("backup", place), ("backup", place))
        assert all(process.poll() is None for process in busy)
    finally:
        stop.touch()
        done = [process.communicate(timeout=300) for process in busy]
    assert all(process.returncode == 0 for process in busy), done
    assert sum(int(out) for out, _errors in done) > 10
    assert len(ids(place)) == 2
    assert not any(manifest(place, one)["faults"] for one in ids(place))

    copy = new("copy")
    found = copy.good(("restore", place), ("show",))[1].value
    assert found["blobs"] == found["whole"] == found["stored"]
    assert len(found["blobs"]) == manifest(place)["counts"]["storage_blob"]
    assert found["password"]


def test_a_second_backup_stores_only_what_is_new(small: Small, place: Path) -> None:
    digests = set(small.good(("show",), ("backup", place))[0].value["objects"].values())
    first, before = manifest(place), stored(place)
    assert before.keys() == digests
    assert first["blobs"]["new"] == len(digests) < first["blobs"]["count"]

    small.good(("backup", place))
    again = manifest(place)
    assert again["id"] != first["id"]
    assert stored(place) == before
    assert (again["blobs"]["new"], again["blobs"]["new_bytes"]) == (0, 0)
    assert again["blobs"]["count"] == first["blobs"]["count"]

    small.good(("backup", place, "--full"))
    assert manifest(place)["blobs"]["new"] == len(digests)
    assert stored(place).keys() == digests
    assert all(stored(place)[name] > before[name] for name in digests)


def test_everything_in_it_is_private_and_counted(small: Small, place: Path) -> None:
    small.good(("backup", place, "--logs"))
    made = manifest(place)
    for path in [place, *place.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert made["database"] == KIND
    assert made["counts"]["training_trainingjob"] == 5
    assert made["logs"] == 4
    folder = place / "backups" / made["id"]
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    sizes.pop("manifest.json")
    assert sizes == {part["name"]: part["size"] for part in made["files"]}
    assert set(made["migrations"]) >= {"core", "training", "ops"}


@pytest.mark.slow
def test_a_killed_backup_does_not_count_and_the_next_one_tidies_up(
    small: Small, place: Path
) -> None:
    small.good(("backup", place))
    partial = place / "backups"
    with small.start("-c", HELD, "backup", place, "--full") as process:
        assert process.stdout is not None
        assert "held\n" in process.stdout, "it ended by itself"  # reads up to that line
        os.kill(process.pid, signal.SIGKILL)
    assert any(partial.glob(".partial-*/database*"))
    assert len([p for p in partial.iterdir() if p.name.startswith(".partial-")]) == 1

    look = ("shell", "-c", "from ops import schedule; print(schedule.look())")
    found = small.good(
        ("restore", place, "--list"), ("show",), ("backup", place), ("show",), look, ("show",)
    )
    assert found[0].said.count("\n") == 1  # the killed one is none
    assert found[1].value["leases"] == 2  # it still keeps bytes, for minutes
    assert not [p for p in partial.iterdir() if p.name.startswith(".")]
    states = [[state for _n, state, _m in found[at].value["backups"]] for at in (3, 5)]
    assert [sorted(one) for one in states] == [
        ["Done", "Done", "Running"],
        ["Done", "Done", "Failed"],
    ]


def test_only_the_newest_are_kept_and_the_bytes_they_need(small: Small, place: Path) -> None:
    small.good(("backup", place))
    first = ids(place)
    before = stored(place)
    found = small.good(
        ("forget", "in/4.bin", "in/5.bin"),
        ("show",),
        ("backup", place, "--keep", "1"),
        ("restore", place, "--check"),
    )
    wanted = set(found[1].value["objects"].values())
    assert wanted < before.keys()
    assert len(ids(place)) == 1
    assert ids(place) != first
    assert stored(place).keys() == wanted


def test_a_lost_or_damaged_object_is_named_and_the_rest_is_good(small: Small, place: Path) -> None:
    copies = small.good(("blobs",))[0].value
    lost, broken = [name for name, count in copies.items() if count == 1][:2]
    (small.var / "objects" / lost[:2] / lost).unlink()
    path = small.var / "objects" / broken[:2] / broken
    path.write_bytes(b"!" + path.read_bytes()[1:])
    made, looked, found = small.run(("backup", place), ("restore", place, "--check"), ("show",))
    assert "2 objects are missing or damaged" in made.error
    assert f"object {lost}: missing" in made.said
    assert f"object {broken}: damaged" in made.said
    faults = {fault["blob"]: fault["what"] for fault in manifest(place)["faults"]}
    assert faults == {lost: "missing", broken: "damaged"}
    assert not looked.error
    assert f"object {lost} was missing already" in looked.said
    assert found.value["backups"][0][1] == "Faulty"


def test_what_the_store_has_lost_since_stays_in_later_backups(small: Small, place: Path) -> None:
    copies, _made = small.good(("blobs",), ("backup", place))
    lost = next(name for name, count in copies.value.items() if count == 1)
    (small.var / "objects" / lost[:2] / lost).unlink()
    again, full, found = small.run(("backup", place), ("backup", place, "--full"), ("show",))
    assert not again.error  # its bytes are there already
    assert f"object {lost}: missing" in full.said
    assert lost not in found.value["whole"]
    lines = (place / "backups" / ids(place)[-1] / "blobs.jsonl").read_text().splitlines()
    (held,) = [entry[3] for entry in map(json.loads, lines) if entry[0] == lost]
    assert held in stored(place)


def test_places_that_are_none(small: Small, tmp_path: Path) -> None:
    inside, used = small.var / "backups", tmp_path / "used"
    used.mkdir()
    (used / "mine.txt").write_text("mine")
    done = small.run(
        ("backup", inside),
        ("backup", used),
        ("backup", tmp_path / "new", "--encrypt", "age1nobody"),
        ("show",),
    )
    assert "lies in the data folder" in done[0].error
    assert not inside.exists()
    assert "is not empty (mine.txt)" in done[1].error
    assert [p.name for p in used.iterdir()] == ["mine.txt"]
    assert "is no recipient" in done[2].error
    assert not (tmp_path / "new").exists()
    assert [state for _name, state, _message in done[3].value["backups"]] == ["Failed"] * 3


HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_do_not_write_at_once(small: Small, place: Path) -> None:
    small.good(("backup", place))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        made, looked = small.run(("backup", place), ("restore", place, "--check"))
        holder.communicate()
    assert "Another backup" in made.error
    assert "A backup works with" in looked.error
    assert len(ids(place)) == 1

"""Bad data through the whole platform: bucket, version, check; the problem names file and rule."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import reconcile
from core.errors import AppError
from datasets.dataset import services as datasets
from datasets.version.models import DatasetVersion
from storage.object import services as objects
from tests.datasets.test_idx import STEMS, images, labels
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.django_db
LARGE = int(os.environ.get("MODELYARD_LARGE_MIB", "30"))  # 300 measures what the rule is about
MIB = 1024 * 1024
TRAIN, TRAIN_LABELS = STEMS["train", "images"], STEMS["train", "labels"]
TEST, TEST_LABELS = STEMS["test", "images"], STEMS["test", "labels"]


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.fixture
def alice(db: None) -> Person:
    person = people.root("alice")
    people.bucket(person, "team1")
    return person


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def good() -> dict[str, bytes]:
    return {
        TRAIN: zipped(images(100)),
        TRAIN_LABELS: zipped(labels(100)),
        TEST: zipped(images(30)),
        TEST_LABELS: zipped(labels(30)),
    }


def checked(person: Person, files: dict[str, bytes]) -> DatasetVersion:
    """Put the files, take a version, let the platform look at it."""
    for name, data in files.items():
        people.put(person, "team1", f"mnist/{name}", data)
    version = taken(person)
    assert reconcile.look("datasets.datasetversion", str(version.pk)) == "done"
    version.refresh_from_db()
    return version


def taken(person: Person) -> DatasetVersion:
    made = datasets.create(
        person.actor, {"name": "d", "format": "idx", "bucket": "team1", "prefix": "mnist"}
    )
    return DatasetVersion.objects.unscoped("test").get(dataset=made)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def other_dimensions() -> bytes:
    return zipped(struct.pack(">IIII", 0x803, 30, 5, 5) + bytes(30 * 25))


#: name -> (file, its bytes, code of the problem)
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "wrong magic": (TRAIN, zipped(b"\x89PNG" + images(100)[4:]), "BAD_MAGIC"),
    "labels where images belong": (TRAIN, zipped(labels(100)), "WRONG_DIMS"),
    "truncated gz": (TRAIN, cut(zipped(images(100))), "TRUNCATED_GZIP"),
    "truncated inside": (TRAIN, zipped(images(100)[:-5]), "TRUNCATED"),
    "counts differ": (TRAIN_LABELS, zipped(labels(99)), "COUNT_MISMATCH"),
    "dimensions differ": (TEST, other_dimensions(), "SHAPE_MISMATCH"),
    "empty file": (TRAIN, b"", "EMPTY"),
    "empty gz": (TRAIN, zipped(b""), "TRUNCATED_HEADER"),
    "not gz": (TRAIN, images(100), "NOT_GZIP"),
    "text": (TRAIN_LABELS, b"7,2,1,0\n", "NOT_GZIP"),
    "more than it says": (TRAIN, zipped(images(100) + b"more"), "TRAILING_BYTES"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(alice: Person, name: str) -> None:
    file, data, code = BROKEN[name]
    version = checked(alice, good() | {file: data})
    assert version.phase == "Invalid", version.problems
    found = [p for p in version.problems if p["level"] == "error"]
    assert code in {p["code"] for p in found}, found
    assert any(p["file"] == file for p in found)
    for problem in found:
        assert problem["message"].endswith(".") and problem["fix"], problem


def test_everything_wrong_is_told_at_once(alice: Person) -> None:
    broken = {TRAIN: images(100), TRAIN_LABELS: zipped(labels(100, classes=12)), TEST: b""}
    version = checked(alice, good() | broken)
    told = {p["file"] for p in version.problems if p["level"] == "error"}
    assert {TRAIN, TRAIN_LABELS, TEST} <= told, version.problems


def test_a_file_that_vanished_before_the_listing_is_a_missing_file(alice: Person) -> None:
    files = good()
    del files[TEST_LABELS]
    version = checked(alice, files)
    assert version.phase == "Invalid"
    assert any(p["code"] == "MISSING_FILE" for p in version.problems), version.problems


def test_a_file_that_vanishes_after_the_listing_is_still_there(alice: Person) -> None:
    """A version keeps the bytes it was taken from, whatever happens to the bucket."""
    for name, data in good().items():
        people.put(alice, "team1", f"mnist/{name}", data)
    version = taken(alice)
    objects.delete_object(alice.actor, "team1", f"mnist/{TRAIN}")
    people.put(alice, "team1", f"mnist/{TEST}", b"another")
    assert reconcile.look("datasets.datasetversion", str(version.pk)) == "done"
    version.refresh_from_db()
    assert version.phase == "Ready", version.problems


def test_bytes_lost_from_the_store_are_our_error_and_can_be_retried(
    alice: Person, var_dir: Path
) -> None:
    """Nothing is said about the data then; its owner did nothing wrong."""
    for name, data in good().items():
        people.put(alice, "team1", f"mnist/{name}", data)
    version = taken(alice)
    for path in (var_dir / "objects").rglob("*"):
        if path.is_file():
            path.rename(path.with_suffix(".lost"))
    for _look in range(20):
        reconcile.look("datasets.datasetversion", str(version.pk))
        version.refresh_from_db()
        if version.phase in ("Error", "Invalid"):
            break
    assert version.phase != "Invalid", version.problems
    assert not version.problems


def test_an_empty_folder_is_refused(alice: Person) -> None:
    with pytest.raises(AppError) as refused:
        taken(alice)
    assert refused.value.status == 400 or refused.value.status == 409
    assert refused.value.problems or refused.value.hint


def packed(head: bytes, size: int, path: Path) -> None:
    """A gzip file of ``head`` and ``size`` zero bytes, written in pieces."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(packer.compress(head))
        for _n in range(size // MIB):
            file.write(packer.compress(bytes(MIB)))
        file.write(packer.compress(bytes(size % MIB)) + packer.flush())


@pytest.fixture
def resident() -> Iterator[Any]:
    """KiB by which the peak of this process has grown since the fixture was asked for."""
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM

    def now(name: str) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise AssertionError(name)

    before = now("VmRSS")
    yield lambda: now("VmHWM") - before


def upload(person: Person, name: str, path: Path) -> None:
    with path.open("rb") as file:
        objects.put_object(person.actor, "team1", f"mnist/{name}", file, size=path.stat().st_size)


def test_a_large_file_is_checked_in_constant_memory(
    alice: Person, tmp_path: Path, resident: Any
) -> None:
    count = LARGE * MIB // 784
    packed(struct.pack(">IIII", 0x803, count, 28, 28), count * 784, tmp_path / "large.gz")
    packed(struct.pack(">II", 0x801, count), count, tmp_path / "labels.gz")
    upload(alice, TRAIN, tmp_path / "large.gz")
    upload(alice, TRAIN_LABELS, tmp_path / "labels.gz")
    small = struct.pack(">IIII", 0x803, 30, 28, 28) + bytes(30 * 784)
    version = checked(alice, {TEST: zipped(small), TEST_LABELS: zipped(labels(30))})
    assert version.phase == "Ready", version.problems
    assert version.summary["splits"]["train"]["count"] == count
    assert resident() < 24 * 1024, f"{resident()} KiB for {LARGE} MiB"


def test_a_gz_bomb_is_not_unpacked(alice: Person, tmp_path: Path, resident: Any) -> None:
    """It says 30 pictures and holds megabytes: the check stops where the file should end."""
    packed(images(30)[:16], LARGE * 4 * MIB, tmp_path / "bomb.gz")
    upload(alice, TEST, tmp_path / "bomb.gz")
    files = good()
    del files[TEST]
    version = checked(alice, files)
    assert version.phase == "Invalid"
    assert any(p["file"] == TEST and p["code"] == "TRAILING_BYTES" for p in version.problems)
    assert resident() < 24 * 1024

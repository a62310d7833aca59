"""Files of datasets made to cost: read in a child with a budget, and a finding where it ends."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core.budget import Exceeded
from datasets import idx
from datasets.idx import bounded, validate, validate_bounded
from datasets.version import samples
from tests.badinput.linear import Row, check
from tests.datasets.test_dataset import checked, made, only_version, uploaded
from tests.datasets.test_idx import STEMS, files, images, labels
from tests.storage import people

MIB = 1024 * 1024


def bomb(parts: int) -> dict[str, bytes]:
    """Files whose header promises ``parts`` MiB of pictures, all there: a thousandth is stored."""
    count = parts * 256
    head = gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, count, 64, 64))
    good = {name: opener().read() for name, opener in files().items()}
    return {
        **good,
        STEMS["train", "images"]: head + gzip.compress(bytes(MIB)) * parts,
        STEMS["train", "labels"]: gzip.compress(labels(count)),
    }


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"train_images": b""},
        {"test_labels": gzip.compress(labels(9))},
        {"train_labels": gzip.compress(labels(40, classes=12))},
    ],
)
def test_the_child_finds_what_the_reader_finds(changed: dict[str, bytes]) -> None:
    assert validate_bounded(files(**changed), classes=10) == validate(files(**changed))


def test_pictures_come_from_the_child() -> None:
    found = idx.window_bounded(files(), "train", 30, 24)
    assert found is not None
    pictures, total = found
    assert (total, [one.index for one in pictures]) == (40, list(range(30, 40)))
    assert pictures[0].label == 0 and pictures[0].pixels == images(40)[16 + 30 * 12 :][:12]
    with pytest.raises(idx.IdxError, match="ends after"):
        idx.window_bounded(files(train_images=gzip.compress(images(40)[:-20])), "train", 30, 24)
    assert idx.window_bounded({}, "train", 0, 1) is None


def test_a_thousand_unknown_files_are_counted_and_two_hundred_told() -> None:
    more = {f"x{number}": io.BytesIO for number in range(1000)}
    report = validate_bounded({**files(train_images=b""), **more}, classes=10)
    assert len(report.problems) == 200 and report.more == 801
    assert report.problems[0].code == "EMPTY" and not report.ok


def test_reading_grows_with_the_file() -> None:
    """Many small gzip members after each other. What follows a member is copied up to the end of
    the piece that was read (256 KiB), so the comparison begins with more than that."""

    def make(members: int) -> bytes:
        return gzip.compress(images(40)) + gzip.compress(b"") * members

    read = lambda data: validate(files(train_images=data))  # noqa: E731
    check(Row("idx", read, make, n=16_000, most=64_000))


@pytest.fixture
def var_dir(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


@pytest.mark.django_db
def test_beyond_the_budget_a_version_is_invalid_and_names_the_file(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "CHECK_CPU_SECONDS", 0.5)
    alice = people.root("alice")
    uploaded(alice, bomb(4096))
    version = checked(made(alice))
    assert (version.phase, version.problems[0]["code"]) == ("Invalid", "FILE_UNREADABLE")
    assert version.problems[0]["file"] == STEMS["train", "images"]


@pytest.mark.django_db
def test_a_page_beyond_the_budget_says_so_and_frees_its_thread(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = people.root("alice")
    uploaded(alice)
    dataset = made(alice)
    checked(dataset)
    monkeypatch.setattr(bounded, "MEMORY_BYTES", MIB)  # no interpreter starts in it
    client = Client()
    people.sign_in(client, alice)
    version = only_version(dataset)
    page = client.get(f"/dataset-versions/{version.pk}/samples?split=train&page=2")
    assert page.status_code == 200 and "takes too much" in page.content.decode()
    assert client.get(f"/dataset-versions/{version.pk}/x/picture?index=30").status_code == 404
    with pytest.raises(Exceeded):
        samples.window(version, "train", 1)
    monkeypatch.undo()
    assert samples.window(version, "train", 1).total == 100, "its lock was given back"

"""Backups of an installation whose objects lie in an S3 store (moto answers in each process)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ops.small import Small, manifest, stored

New = Callable[..., Small]
S3 = {
    "MODELYARD_OBJECT_STORE": "s3://bytes/objects?region=us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
pytestmark = pytest.mark.slow


def test_objects_of_a_bucket_are_listed_and_copied(small: Small, place: Path, new: New) -> None:
    shown = small.good(("bring", small.var), ("backup", place), ("show",), **S3)[2].value
    assert len(stored(place)) == len(set(shown["objects"].values()))
    assert not manifest(place)["faults"]
    files, bucket = new("files"), new("bucket")
    for copy, more in ((files, {}), (bucket, S3)):
        found = copy.good(("restore", place), ("show",), **more)[1].value
        assert found["blobs"] == found["whole"] == found["stored"] == shown["blobs"]
    assert not list(bucket.var.glob("objects/??/*"))


def test_objects_may_be_left_where_they_are(small: Small, place: Path, new: New) -> None:
    left = ("backup", place, "--objects-elsewhere")
    shown = small.good(("bring", small.var), left, ("show",), **S3)[2].value
    assert not stored(place)
    assert manifest(place)["elsewhere"]
    copy = new("copy")
    missing, _brought, restored, found = copy.run(
        ("restore", place), ("bring", small.var), ("restore", place), ("show",), **S3
    )
    assert f"of {len(shown['blobs'])} objects are not in the object store" in missing.error
    assert not restored.error
    assert found.value["whole"] == shown["blobs"]


def test_a_bucket_that_is_used_is_not_restored_into(small: Small, place: Path, new: New) -> None:
    small.good(("backup", place))
    copy = new("copy")
    refused = copy.run(("bring", small.var), ("restore", place), **S3)[1]
    assert "is not empty: nothing is restored over an installation" in refused.error
    assert not (copy.var / "restoring.json").exists()


def test_a_store_that_is_away_is_no_loss(small: Small, place: Path) -> None:
    away = {**S3, "MODELYARD_OBJECT_STORE": "s3://another/objects?region=us-east-1"}
    made = small.run(("backup", place), **away)[0]
    assert made.error
    assert not (place / "backups").is_dir() or not list((place / "backups").iterdir())

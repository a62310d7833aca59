"""The S3 store against boto3's own wire format (moto answers inside the process)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from moto import mock_aws

from core.errors import AppError
from storage.backends import ShortBody
from storage.backends.s3 import S3Store

NAME, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="bytes")
        yield S3Store.from_url("s3://bytes/objects?region=us-east-1")


@pytest.mark.parametrize("size", [0, 10, 33 * 1024 * 1024 + 1])
def test_what_goes_in_comes_out(store: S3Store, size: int) -> None:
    data = bytes(size)
    written = store.put(NAME, io.BytesIO(data), size)
    assert (written.size, written.sha256) == (size, hashlib.sha256(data).hexdigest())
    stream = store.open(NAME)
    assert hashlib.sha256(stream.read()).hexdigest() == written.sha256
    stream.close()


def test_parts_and_delete(store: S3Store) -> None:
    store.put(NAME, io.BytesIO(b"0123456789"), 10)
    assert store.open(NAME, 2, 3).read() == b"234"
    assert store.open(NAME, 8).read() == b"89"
    assert store.open(NAME, 2, 0).read() == b""
    store.delete(NAME)
    store.delete(NAME)
    with pytest.raises(AppError) as refused:
        store.open(NAME)
    assert "NoSuchKey" in refused.value.message


@pytest.mark.parametrize("size", [10, 40 * 1024 * 1024])
def test_a_cut_upload_stores_nothing(store: S3Store, size: int) -> None:
    with pytest.raises(ShortBody):
        store.put(NAME, io.BytesIO(bytes(size - 1)), size)
    assert list(store.stored(-60)) == []
    assert store.sweep_partial(-60) == 0


def test_names_for_the_sweep(store: S3Store) -> None:
    store.put(NAME, io.BytesIO(b"1"), 1)
    store.put(OTHER, io.BytesIO(b"2"), 1)
    assert sorted((one.name, one.size) for one in store.stored(-60)) == [(NAME, 1), (OTHER, 1)]
    assert list(store.stored(3600)) == []
    with pytest.raises(ValueError, match="hexadecimal"):
        store.put("../x", io.BytesIO(b"1"), 1)


@pytest.mark.parametrize("url", ["s3://", "http://bytes", "bytes"])
def test_a_wrong_address_is_explained(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MODELYARD_OBJECT_STORE"):
        S3Store.from_url(url)


def test_the_trash_and_back(store: S3Store) -> None:
    store.put(NAME, io.BytesIO(b"bytes"), 5)
    store.put(OTHER, io.BytesIO(b"stay"), 4)
    store.trash(NAME)
    store.trash(NAME)  # what is not there is not moved
    assert [one.name for one in store.stored(-60)] == [OTHER]
    (found,) = store.trashed()
    assert (found.name, found.size) == (NAME, 5)
    assert store.put_back(NAME)
    assert not store.put_back(NAME)
    assert store.open(NAME).read() == b"bytes"
    store.trash(NAME)
    (found,) = store.trashed()
    store.discard(found)
    assert not store.put_back(NAME)
    assert list(store.trashed()) == []


def test_the_marker_of_an_installation(store: S3Store) -> None:
    assert store.marker() is None
    store.write_marker({"installation": "1" * 32})
    assert store.marker() == {"installation": "1" * 32}
    assert list(store.stored(-60)) == []
    assert store.place().startswith("s3://bytes/objects/ at ")


def test_uploads_of_others_in_the_same_bucket_are_not_broken_off(store: S3Store) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    for key in (f"objects/{NAME}", "objects/backup.tar", "objects/x/" + OTHER):
        client.create_multipart_upload(Bucket="bytes", Key=key)
    assert store.sweep_partial(-60) == 1
    left = client.list_multipart_uploads(Bucket="bytes")["Uploads"]
    assert sorted(item["Key"] for item in left) == ["objects/backup.tar", "objects/x/" + OTHER]

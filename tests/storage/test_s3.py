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
    assert list(store.names(-60)) == []
    assert store.sweep_partial(-60) == 0


def test_names_for_the_sweep(store: S3Store) -> None:
    store.put(NAME, io.BytesIO(b"1"), 1)
    store.put(OTHER, io.BytesIO(b"2"), 1)
    assert sorted(store.names(-60)) == [NAME, OTHER]
    assert list(store.names(3600)) == []
    with pytest.raises(ValueError, match="hexadecimal"):
        store.put("../x", io.BytesIO(b"1"), 1)


@pytest.mark.parametrize("url", ["s3://", "http://bytes", "bytes"])
def test_a_wrong_address_is_explained(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MODELYARD_OBJECT_STORE"):
        S3Store.from_url(url)

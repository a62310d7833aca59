"""Bytes in a bucket of an S3 service, through boto3. Credentials come from the environment.

MODELYARD_OBJECT_STORE=s3://bucket/optional/prefix?endpoint=https://s3.example.com&region=eu-1
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured

from core.identity import places
from storage import messages
from storage.backends.base import (
    CHUNK,
    DiskFull,
    Metered,
    Readable,
    Stored,
    StoreError,
    Trashed,
    Written,
)

_NAME = re.compile(r"[0-9a-f]{32}")
_TRASH = "trash"
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity"})
#: parts of 16 MiB: 5 GiB stay below the 10 000 parts of one upload, and memory below 40 MiB
_TRANSFER = TransferConfig(
    multipart_threshold=16 * CHUNK, multipart_chunksize=16 * CHUNK, use_threads=False
)


class S3Store:
    """Objects ``<prefix><name>`` of one bucket; an upload becomes visible whole or never."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def from_url(cls, url: str) -> S3Store:
        """Raises ImproperlyConfigured for an address that is none."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ImproperlyConfigured(
                "MODELYARD_OBJECT_STORE must look like "
                "s3://bucket/prefix?endpoint=https://host&region=name."
            )
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        client = boto3.client(
            "s3",
            endpoint_url=options.get("endpoint"),
            region_name=options.get("region", "us-east-1"),
            config=Config(
                retries={"max_attempts": 4, "mode": "standard"},
                connect_timeout=5,
                read_timeout=30,
                s3={"addressing_style": "path" if "endpoint" in options else "auto"},
            ),
        )
        prefix = parts.path.strip("/")
        return cls(client, parts.netloc, f"{prefix}/" if prefix else "")

    def put(self, name: str, stream: Readable, size: int | None) -> Written:
        metered = Metered(stream, size)
        try:
            self._client.upload_fileobj(
                cast(BinaryIO, metered), self._bucket, self._key(name), Config=_TRANSFER
            )
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error
        return metered.written()

    def open(self, name: str, start: int = 0, length: int | None = None) -> BinaryIO:
        asked: dict[str, str] = {}
        if length == 0:
            return io.BytesIO()
        if start or length is not None:
            end = "" if length is None else str(start + length - 1)
            asked["Range"] = f"bytes={start}-{end}"
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._key(name), **asked)
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error
        return cast(BinaryIO, found["Body"])

    def delete(self, name: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error

    def stored(self, older_than_seconds: float) -> Iterator[Stored]:
        limit = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=older_than_seconds)
        for item in self._listed(self._prefix):
            name = item["Key"].removeprefix(self._prefix)
            if _NAME.fullmatch(name) and item["LastModified"] < limit:
                yield Stored(name, item["Size"], item["LastModified"].timestamp())

    def trash(self, name: str) -> None:
        today = dt.datetime.now(dt.UTC).date()
        self._move(self._key(name), self._trash_key(name, today))

    def trashed(self) -> Iterator[Trashed]:
        prefix = f"{self._prefix}{_TRASH}/"
        for item in self._listed(prefix):
            day, _slash, name = item["Key"].removeprefix(prefix).partition("/")
            if _NAME.fullmatch(name):
                with contextlib.suppress(ValueError):
                    yield Trashed(name, item["Size"], dt.date.fromisoformat(day))

    def put_back(self, name: str, day: dt.date | None = None) -> bool:
        key = self._key(name)
        if day is None:
            day = next((one.day for one in self.trashed() if one.name == name), None)
        if day is None or next(iter(self._listed(key)), None) is not None:
            return False
        return self._move(self._trash_key(name, day), key)

    def discard(self, found: Trashed) -> None:
        try:
            self._client.delete_object(
                Bucket=self._bucket, Key=self._trash_key(found.name, found.day)
            )
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error

    def _move(self, key: str, target: str) -> bool:
        """Copied inside the service, then removed; False where nothing is."""
        source = {"Bucket": self._bucket, "Key": key}
        try:
            self._client.copy(source, self._bucket, target, Config=_TRANSFER)
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise _failed(error) from error
        except BotoCoreError as error:
            raise _failed(error) from error
        return True

    def _listed(self, prefix: str) -> Iterator[Any]:
        try:
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                yield from page.get("Contents", ())
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error

    def _trash_key(self, name: str, day: dt.date) -> str:
        return f"{self._prefix}{_TRASH}/{day.isoformat()}/{self._key(name)[len(self._prefix) :]}"

    def sweep_partial(self, older_than_seconds: float) -> int:
        limit = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=older_than_seconds)
        removed = 0
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for item in page.get("Uploads", ()):
                # Others may use the same bucket: theirs are not ours to break off.
                ours = _NAME.fullmatch(item["Key"].removeprefix(self._prefix))
                if ours and item["Initiated"] < limit:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=item["Key"], UploadId=item["UploadId"]
                    )
                    removed += 1
        return removed

    def marker(self) -> dict[str, Any] | None:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._marker_key)
            text = found["Body"].read(places.MARKER_BYTES)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise _failed(error) from error
        except BotoCoreError as error:
            raise _failed(error) from error
        return places.parsed(text)

    def write_marker(self, marker: dict[str, Any]) -> None:
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._marker_key, Body=json.dumps(marker).encode()
            )
        except (BotoCoreError, ClientError) as error:
            raise _failed(error) from error

    def place(self) -> Any:
        return f"s3://{self._bucket}/{self._prefix} at {self._client.meta.endpoint_url}"

    @property
    def _marker_key(self) -> str:
        return self._prefix + places.MARKER

    def _key(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a stored name is 32 hexadecimal digits")
        return self._prefix + name


def _failed(error: Exception) -> DiskFull | StoreError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _FULL:
        return DiskFull(messages.STORE_FULL())
    what = code or type(error).__name__
    return StoreError(messages.STORE_ANSWERS_WRONG(what=what))

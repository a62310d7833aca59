"""The sole writers of objects: put, delete one, delete many."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import access, audit, references
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from storage import messages
from storage.backends.base import Readable, TooLarge
from storage.blob import services as blobs
from storage.blob import usage
from storage.blob.models import Blob
from storage.bucket import queries, use
from storage.bucket.models import Bucket
from storage.keys import normalise_key, normalise_prefix
from storage.object import listing
from storage.object.models import DEFAULT_TYPE, StoredObject

PUT, GET, DELETE = "obs:object:PutObject", "obs:object:GetObject", "obs:object:DeleteObject"
MAX_REPORTED = 100
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


@dataclass
class Deleted:
    """What a delete of many did: how many went, and which stayed for which reason."""

    deleted: int = 0
    kept: list[dict[str, Any]] = field(default_factory=list)
    kept_count: int = 0
    next_marker: str | None = None

    def keep(self, key: str, code: str, text: str) -> None:
        self.kept_count += 1
        if len(self.kept) < MAX_REPORTED:
            self.kept.append({"key": key, "error_code": code, "error_msg": text})


def max_bytes() -> int:
    """Largest object this installation takes, in bytes (vendor: one PUT takes up to 5 GB)."""
    return int(settings.MODELYARD_MAX_OBJECT_BYTES)


def put_object(
    actor: Actor,
    bucket: str,
    key: str,
    stream: Readable,
    *,
    size: int | None = None,
    expected_sha256: str = "",
    content_type: str = "",
) -> StoredObject:
    """Store ``stream`` under ``key``; the last to finish wins, and readers of the bytes before
    keep them to their end.

    ``bucket`` is a name or id in the actor's account; ``size`` the announced length in bytes.

    Raises:
        AccessDenied, NotFound (no such bucket), ValidationFailed (key, digest header),
        TooLarge, QuotaExceeded (stored bytes), ShortBody, DigestMismatch, DiskFull, StoreError.
        Nothing is left of a failure.
    """
    key = normalise_key(key)
    if expected_sha256 and not _SHA256.fullmatch(expected_sha256):
        raise ValidationFailed.of("X-Content-SHA256", messages.BAD_DIGEST())
    where = queries.target(actor, bucket, key)
    access.authorize(actor, PUT, where)
    found = queries.own_bucket(actor, bucket)
    if size is not None and size > max_bytes():
        raise TooLarge(messages.TOO_LARGE(max_bytes=max_bytes(), size=size))
    if (more := (size or 0) - _replaced(found, key)) > 0:
        usage.refuse_above(found.account_id, more)
    blob_id, written = blobs.write(stream, size, expected_sha256)
    try:
        return _record(actor, found, key, blob_id, written, content_type)
    except BaseException:
        blobs.discard(blob_id)
        raise


def _record(
    actor: Actor,
    bucket: Bucket,
    key: str,
    blob_id: Any,
    written: Any,
    content_type: str,
) -> StoredObject:
    # An upload takes long: right, token, user and bucket may be gone, its tags be others.
    with access.writing(actor):
        bucket = _locked(bucket)
        where = queries.inside(bucket, key)
        decision = access.authorize(actor, PUT, where)
        blob = Blob.objects.create(
            id=blob_id,
            account_id=bucket.account_id,
            size=written.size,
            sha256=written.sha256,
        )
        row, before = _upsert(bucket, key, blob, content_type)
        usage.add(bucket.account_id, written.size)
        if before is None or before.size < written.size:
            usage.refuse_above(bucket.account_id, -before.size if before else 0)
        audit.record(
            actor,
            event="putObject",
            action=PUT,
            target=row,
            account_id=bucket.account_id,
            decision_id=decision.id,
            before={"sha256": before.sha256, "size": before.size} if before else None,
            after={"path": where.path, "sha256": written.sha256, "size": written.size},
        )
        if before is not None:
            blobs.release_on_commit([before.pk])
    return row


def _replaced(bucket: Bucket, key: str) -> int:
    """Bytes that go when ``key`` is written anew."""
    rows = StoredObject.objects.unscoped("object already authorized")
    return next(iter(rows.filter(bucket=bucket, key=key).values_list("size", flat=True)), 0)


def _locked(bucket: Bucket) -> Bucket:
    rows = Bucket.objects.unscoped("bucket of an object already authorized")
    # Its deletion must see the new object or come first. Uploads wait for each other's rows only,
    # not for each other's bytes.
    found: Bucket | None = rows.select_for_update(no_key=True).filter(pk=bucket.pk).first()
    if found is None:
        raise NotFound()
    return found


def _upsert(
    bucket: Bucket, key: str, blob: Blob, content_type: str
) -> tuple[StoredObject, Blob | None]:
    kind = content_type.partition(";")[0].strip().lower()
    values: dict[str, Any] = {
        "blob_id": blob.pk,
        "size": blob.size,
        "sha256": blob.sha256,
        "content_type": kind if _TYPE.fullmatch(kind) else DEFAULT_TYPE,
        "updated_at": timezone.now(),
    }
    rows = StoredObject.objects.unscoped("object already authorized")
    for _attempt in range(2):
        row = rows.select_for_update(of=("self",)).filter(bucket=bucket, key=key).first()
        if row is not None:
            before: Blob = row.blob
            rows.filter(pk=row.pk).update(**values)
            for name, value in values.items():
                setattr(row, name, value)
            return row, before
        try:
            with transaction.atomic():
                made = StoredObject(
                    bucket=bucket,
                    account_id=bucket.account_id,
                    region=bucket.region,
                    key=key,
                    **values,
                )
                made.save(force_insert=True)
                return made, None
        except IntegrityError:
            continue  # the same key was made at the same moment: it is there to be replaced now
    raise NotFound()


def delete_object(actor: Actor, bucket: str, key: str) -> None:
    """Remove one object. What was made from its bytes (dataset versions) keeps them.

    Raises: AccessDenied, NotFound, ValidationFailed, Conflict (IN_USE, naming what uses it).
    """
    key = normalise_key(key)
    where = queries.target(actor, bucket, key)
    access.authorize(actor, DELETE, where)
    found = queries.own_bucket(actor, bucket)
    with access.writing(actor):
        found = _locked(found)  # who begins to read from it comes before this, or finds it gone
        where = queries.inside(found, key)
        decision = access.authorize(actor, DELETE, where)
        use.refuse_if_used(found, key)
        rows = StoredObject.objects.unscoped("object already authorized")
        row = rows.select_for_update(of=("self",)).filter(bucket=found, key=key).first()
        if row is None:
            raise NotFound()
        _remove(actor, [(row, where.path, decision.id)])


def _remove(actor: Actor, rows: list[tuple[StoredObject, str, str]]) -> None:
    """Remove objects, each with its path and the id of the decision about it: one statement for
    the trail and one for the rows, however many they are."""
    audit.record_many(
        actor,
        [
            {
                "event": "deleteObject",
                "action": DELETE,
                "target": row,
                "account_id": row.account_id,
                "decision_id": decision_id,
                "before": {"path": path, "sha256": row.sha256, "size": row.size},
            }
            for row, path, decision_id in rows
        ],
    )
    ids = [row.pk for row, _path, _decision in rows]
    StoredObject.objects.unscoped("objects already authorized").filter(pk__in=ids).delete()
    blobs.release_on_commit([row.blob_id for row, _path, _decision in rows])


def delete_prefix(
    actor: Actor, bucket: str, prefix: str, *, marker: str = "", limit: int = 1000
) -> Deleted:
    """Remove up to ``limit`` objects whose key begins with ``prefix``, each by its own decision.

    Call again with ``next_marker`` until it is None. Objects the actor may not see are not
    mentioned. Raises: AccessDenied (may not list), NotFound, ValidationFailed.
    """
    prefix = normalise_prefix(prefix)
    with access.writing(actor):
        return _delete_prefix(actor, bucket, prefix, marker, limit)


def _delete_prefix(actor: Actor, bucket: str, prefix: str, marker: str, limit: int) -> Deleted:
    page = listing.list_objects(actor, bucket, prefix=prefix, marker=marker, limit=limit)
    found = _locked(queries.own_bucket(actor, bucket))
    in_the_way = use.blocking(found)
    result = Deleted(next_marker=page.next_marker)
    going: list[tuple[StoredObject, str, str]] = []
    ids = [row.pk for row in page.items]
    rows = StoredObject.objects.unscoped("objects decided one by one").filter(pk__in=ids)
    for row in rows.select_for_update(of=("self",)).order_by("key"):
        where = queries.inside(found, row.key)
        decision = access.decide(actor, DELETE, where)
        needed = next((r for r in in_the_way if use.covers(r.path, row.key)), None)
        if not decision.allowed:
            result.keep(row.key, "ACCESS_DENIED", decision.reason)
        elif needed is not None:
            result.keep(row.key, "IN_USE", references.in_use(found, needed, where.path).message)
        else:
            going.append((row, where.path, decision.id))
    if going:
        _remove(actor, going)
    result.deleted = len(going)
    return result

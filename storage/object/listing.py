"""Reading objects: one by key, many by prefix. What a policy hides is neither shown nor counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from core import access
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from core.prepared import Prepared
from storage import messages
from storage.bucket import queries
from storage.bucket.models import Bucket
from storage.keys import after, normalise_key, normalise_prefix
from storage.object.models import StoredObject

LIST, GET = "obs:bucket:ListBucket", "obs:object:GetObject"
MAX_LIMIT = 1000
_BATCH = 200


@dataclass
class Page:
    """Objects and, under a delimiter, folders; ``next_marker`` continues, None ends."""

    items: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_marker: str | None = None


def in_prefix(rows: QuerySet[Any], prefix: str) -> QuerySet[Any]:
    """Rows whose key begins with ``prefix``: one range of the index on every database."""
    if not prefix:
        return rows
    end = after(prefix)
    rows = rows.filter(key__gte=prefix)
    return rows.filter(key__lt=end) if end else rows


def visible_rows(actor: Actor) -> QuerySet[Any]:
    """Every object of the actor's account that they may read."""
    own = access.scope(actor, GET, StoredObject).own  # type: ignore[arg-type]
    rows = StoredObject.objects.unscoped("filtered by the scope of obs:object:GetObject")
    return rows.none() if own is None else rows.filter(Q(account_id=actor.account_id) & own)


def list_objects(
    actor: Actor,
    bucket: str | Bucket,
    *,
    prefix: str = "",
    marker: str = "",
    limit: int = MAX_LIMIT,
    delimiter: str = "",
) -> Page:
    """Objects below ``prefix`` after ``marker`` in the order of their keys, at most ``limit``.

    With ``delimiter`` "/" everything below the next slash is one entry of ``prefixes``.
    ``bucket``: see ``queries.located``.

    Raises: AccessDenied (obs:bucket:ListBucket), NotFound, ValidationFailed.
    """
    prefix = normalise_prefix(prefix)
    marker = normalise_prefix(marker)
    if not 1 <= limit <= MAX_LIMIT:
        raise ValidationFailed.of("limit", messages.LIMIT(most=MAX_LIMIT))
    if delimiter not in ("", "/"):
        raise ValidationFailed.of("delimiter", messages.DELIMITER())
    found = may_list(actor, bucket, prefix=prefix, limit=limit, delimiter=delimiter)
    rows = in_prefix(visible_rows(actor).filter(bucket=found), prefix).order_by("key")
    return _folders(rows, prefix, marker, limit) if delimiter else _flat(rows, marker, limit)


def may_list(
    actor: Actor, bucket: str | Bucket, *, prefix: str, limit: int = MAX_LIMIT, delimiter: str = ""
) -> Bucket:
    """The bucket, if the actor may list what lies below ``prefix``.

    Raises: AccessDenied (obs:bucket:ListBucket), NotFound.
    """
    asked = {"obs:prefix": prefix, "obs:delimiter": delimiter, "obs:max-keys": limit}
    target, found = queries.located(actor, bucket)
    access.authorize(actor, LIST, target, asked)
    if found is None:
        raise NotFound()
    return found


def _flat(rows: QuerySet[Any], marker: str, limit: int) -> Page:
    if marker:
        rows = rows.filter(key__gt=marker)
    found = list(rows[: limit + 1])
    page = Page(items=found[:limit])
    if len(found) > limit:
        page.next_marker = page.items[-1].key
    return page


def _folders(rows: QuerySet[Any], prefix: str, marker: str, limit: int) -> Page:
    page = Page()
    start, inclusive = _start(prefix, marker)
    last = ""
    while True:
        batch = rows
        if start:
            batch = rows.filter(key__gte=start) if inclusive else rows.filter(key__gt=start)
        found = list(batch[:_BATCH])
        skip = ""
        for row in found:
            if skip and row.key.startswith(skip):
                continue
            if len(page.items) + len(page.prefixes) == limit:
                page.next_marker = last
                return page
            folder, slash, _rest = row.key[len(prefix) :].partition("/")
            if slash:
                skip = last = f"{prefix}{folder}/"
                page.prefixes.append(skip)
            else:
                last = row.key
                page.items.append(row)
        if len(found) < _BATCH:
            return page
        # The whole rest of a folder is stepped over in one seek, however large it is.
        inside = bool(skip) and found[-1].key.startswith(skip)
        start, inclusive = (after(skip), True) if inside else (found[-1].key, False)


def _start(prefix: str, marker: str) -> tuple[str, bool]:
    if not marker:
        return "", False
    if marker.endswith("/") and marker.startswith(prefix) and marker != prefix:
        return after(marker), True
    return marker, False


def get_object(actor: Actor, bucket: str | Bucket, key: str) -> StoredObject:
    """One object with its blob, if the actor may read it. ``bucket``: see ``queries.located``.

    Raises: AccessDenied (obs:object:GetObject), NotFound, ValidationFailed.
    """
    key = normalise_key(key)
    found = may_read(actor, bucket, key)
    rows = StoredObject.objects.unscoped("object already authorized")
    if found is None:
        raise NotFound()
    row: StoredObject | None = rows.select_related("blob").filter(bucket=found, key=key).first()
    if row is None:
        raise NotFound()
    return row


def size_of(actor: Actor, bucket: str | Bucket, key: str) -> int:
    """Bytes of one object, if the actor may read it. Raises as ``get_object``."""
    key = normalise_key(key)
    found = may_read(actor, bucket, key)
    row = None if found is None else _SIZE.row(bucket_id=found.pk, key=key)
    if row is None:
        raise NotFound()
    return int(row[0])


def is_empty(bucket: Bucket, prefix: str) -> bool:
    """Whether no object at all lies below ``prefix``, whoever may read it. Asks no right."""
    end = after(prefix)
    if not end:
        rows = StoredObject.objects.unscoped("whether a directory is empty")
        return not in_prefix(rows.filter(bucket=bucket), prefix).exists()
    return _BETWEEN.row(bucket_id=bucket.pk, start=prefix, end=end) is None


_SIZE = Prepared(
    lambda bucket_id, key: (
        StoredObject.objects.unscoped("size of an object already authorized")
        .filter(bucket_id=bucket_id, key=key)
        .values_list("size")
    ),
    bucket_id=Bucket._meta.get_field("id"),
    key=StoredObject._meta.get_field("key"),
)
_BETWEEN = Prepared(
    lambda bucket_id, start, end: (
        StoredObject.objects.unscoped("whether a directory is empty")
        .filter(bucket_id=bucket_id, key__gte=start, key__lt=end)
        .values_list("pk")
        .order_by()[:1]
    ),
    bucket_id=Bucket._meta.get_field("id"),
    start=StoredObject._meta.get_field("key"),
    end=StoredObject._meta.get_field("key"),
)


def may_read(actor: Actor, bucket: str | Bucket, key: str) -> Bucket | None:
    """Raise AccessDenied unless the actor may read what lies or could lie at ``key``; the bucket,
    where there is one."""
    target, found = queries.located(actor, bucket, key)
    access.authorize(actor, GET, target)
    return found

"""The sole writers of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import references, services
from core.actor import Actor
from core.errors import Conflict, ValidationFailed
from storage import messages
from storage.bucket.models import Bucket
from storage.object import services as objects
from storage.object.models import StoredObject

PURGE_ROUND = 1000
PURGE_LIMIT = 100_000  # objects removed by one request


def create(actor: Actor, data: Mapping[str, Any]) -> Bucket:
    """Make an empty bucket in the actor's account and region.

    Raises: AccessDenied, ValidationFailed (name rule, name taken), QuotaExceeded.
    """
    return services.create(
        actor,
        Bucket(
            name=data["name"],
            description=data.get("description", ""),
            tags=data.get("tags") or {},
        ),
    )


def update(
    actor: Actor, bucket: Bucket, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Bucket:
    """Change description and tags. The name stays: paths in policies and jobs contain it."""
    if "name" in data and data["name"] != bucket.name:
        raise ValidationFailed.of("name", messages.NAME_STAYS())
    changes = {k: v for k, v in data.items() if k in ("description", "tags")}
    return services.update(actor, bucket, changes, expected_version=expected_version)


def delete(actor: Actor, bucket: Bucket, *, expected_version: int | None = None) -> None:
    """Delete an empty bucket. Raises Conflict while objects are in it or something uses it."""
    services.delete(actor, bucket, expected_version=expected_version, before_delete=_refuse)


def _refuse(bucket: Bucket) -> None:
    rows = StoredObject.objects.unscoped("is the bucket empty").filter(bucket=bucket)
    count = rows[:PURGE_LIMIT].count()
    if count:
        raise Conflict(
            messages.BUCKET_NOT_EMPTY(bucket=bucket.name, count=count), extra={"objects": count}
        )
    references.refuse_if_used(bucket)


def purge(actor: Actor, bucket: Bucket, data: Mapping[str, Any]) -> Bucket:
    """Delete every object, each by its own decision; the bucket stays.

    Raises: Conflict when objects had to stay (in use, or not the actor's to delete): then nothing
    is deleted at all.
    """
    marker, removed = "", 0
    while removed < PURGE_LIMIT:
        result = objects.delete_prefix(actor, bucket.name, "", marker=marker, limit=PURGE_ROUND)
        if result.kept_count:
            first = result.kept[0]
            raise Conflict(
                messages.NOT_PURGED(key=first["key"], why=first["error_msg"]),
                extra={"kept": result.kept},
            )
        removed += result.deleted
        if result.next_marker is None:
            break
        marker = result.next_marker
    return bucket

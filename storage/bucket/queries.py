"""Reading buckets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Sum

from console.choices import Rows
from core import access, registry
from core.actor import Actor
from core.errors import AccessDenied, NotFound
from core.prepared import PreparedRow
from storage.bucket.models import Bucket
from storage.object.models import StoredObject

#: what references call a bucket
TYPE = Bucket._meta.label_lower


@dataclass(frozen=True, slots=True)
class Contents:
    """How much a bucket holds."""

    count: int
    bytes: int


def own_bucket(actor: Actor, name_or_id: str) -> Bucket:
    """A bucket of the actor's account by name or id; asks nothing but whose it is.

    For callers that decide about an object in it themselves. Raises NotFound.
    """
    found = _own(actor, name_or_id)
    if found is None:
        raise NotFound()
    return found


def bucket_named(actor: Actor, name: str) -> Bucket:
    """The bucket of this name in the actor's account, if they may see it. Raises NotFound."""
    found = _named(actor, name)
    if found is None:
        raise NotFound()
    try:
        access.authorize(actor, registry.spec_of(Bucket).action(Bucket.READ_VERB), found)
    except AccessDenied:
        raise NotFound() from None
    return found


def inside(bucket: Bucket, key: str = "") -> access.Target:
    """What to ask about for ``key`` in a bucket, or for the bucket's contents as a whole. The
    bucket's tags count: objects have none of their own."""
    path = f"{bucket.name}/{key}" if key else bucket.name
    return access.Target(bucket.account_id, path, bucket.region, holder=bucket)


def located(
    actor: Actor, bucket: str | Bucket, key: str = ""
) -> tuple[access.Target, Bucket | None]:
    """What to ask about for ``key`` in a bucket, known or not, and the bucket: a denial must not
    tell which buckets exist, so it is decided on the path alone. Ask before using the bucket.
    ``bucket``: name or id, or what ``own_bucket`` or ``bucket_named`` found for this actor."""
    found = bucket if isinstance(bucket, Bucket) else _own(actor, bucket)
    if found is not None:
        return inside(found, key), found
    path = f"{bucket}/{key}" if key else str(bucket)
    return access.Target(actor.account_id, path, actor.region), None


def bucket_rows(actor: Actor, region: str = "") -> Rows:
    """Buckets of the actor's account in a region (the actor's) to choose from, by name."""
    found = Bucket.objects.own(actor, "list").filter(region=region or actor.region)
    return Rows(found, value="name", order="name")


def target(actor: Actor, bucket: str | Bucket, key: str = "") -> access.Target:
    """What to ask about for ``key`` in a bucket, known or not (see ``located``)."""
    return located(actor, bucket, key)[0]


def ids_of(account_id: str, names: Iterable[str]) -> dict[str, uuid.UUID]:
    """Ids of an account's buckets by name, in one query; names that are not there are left out."""
    rows = Bucket.objects.unscoped("ids of the buckets that a row names")
    found = rows.filter(account_id=account_id, name__in=set(names))
    return dict(found.values_list("name", "pk"))


def contents(bucket: Bucket) -> Contents:
    """Number and size of all objects, those included that the viewer may not read."""
    rows = StoredObject.objects.unscoped("contents of a visible bucket").filter(bucket=bucket)
    found = rows.aggregate(n=Count("id"), bytes=Sum("size"))
    return Contents(found["n"], found["bytes"] or 0)


_NAMED = PreparedRow(
    Bucket,
    lambda account_id, name: Bucket.objects.unscoped(
        "bucket of the actor's own account by name"
    ).filter(account_id=account_id, name=name),
    account_id=Bucket._meta.get_field("account").target_field,
    name=Bucket._meta.get_field("name"),
)


def _named(actor: Actor, name: str) -> Bucket | None:
    return _NAMED.get(account_id=actor.account_id, name=name) if actor.account_id else None


def _own(actor: Actor, name_or_id: str) -> Bucket | None:
    found = _named(actor, name_or_id)
    if found is None:
        rows = Bucket.objects.unscoped("bucket of the actor's own account by id")
        try:
            found = rows.filter(account_id=actor.account_id, pk=uuid.UUID(name_or_id)).first()
        except ValueError:
            return None
    return found

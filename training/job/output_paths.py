"""Where a job writes: a path of its own unless another one is given, and what lies there already.

Rules: `docs/training.md`. A path with objects in it is taken only by who says so, because a model,
a metric or a later reader could not tell the files of two jobs apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core import access
from core.actor import Actor
from core.errors import Conflict, Problem
from storage.bucket import queries as buckets
from storage.bucket.models import Bucket
from storage.keys import normalise_prefix
from storage.object import listing
from storage.object.models import StoredObject
from storage.object.services import PUT
from training import messages

DEFAULT_NAME = "train_url"
DEFAULT_FOLDER = "output/"
SHOWN = 3  # objects that are named
COUNTED = 1000  # objects that are counted
ACCEPT = "allow_nonempty_outputs"

Place = Mapping[str, Any]


def default(bucket: str, job_name: str) -> list[dict[str, Any]]:
    """The output of a job that names none: a directory of its own beside its code."""
    prefix = f"{DEFAULT_FOLDER}{job_name}/"
    return [{"name": DEFAULT_NAME, "bucket": bucket, "prefix": prefix}]


def of_rerun(outputs: Iterable[Place], before: str, after: str) -> list[dict[str, Any]]:
    """The outputs of a rerun: a path that ends in the first job's name ends in the new one's. One
    that is copied in before the start stays, because the job goes on from what lies there."""
    return [
        {**place}
        if place.get("predownload")
        else {**place, "prefix": _renamed(place["prefix"], before, after)}
        for place in outputs
    ]


def _renamed(prefix: str, before: str, after: str) -> str:
    parts = prefix.rstrip("/").split("/")
    return "/".join([*parts[:-1], after, ""]) if parts[-1] == before else prefix


def path(place: Place) -> str:
    """A place as it is written: ``obs://bucket/directory/``."""
    return f"obs://{place['bucket']}/{place['prefix']}"


def filled(actor: Actor, outputs: Iterable[Place]) -> list[dict[str, Any]]:
    """The places with objects. Of those that ``actor`` may read: ``objects`` (counted up to
    ``COUNTED``), ``bytes`` of those, ``more``, and the first few keys as ``examples``.
    ``unreadable``: whether others lie there, too, which is told to who may write there.

    Raises: AccessDenied (obs:bucket:ListBucket), NotFound, ValidationFailed.
    """
    found = []
    for place in outputs:
        prefix = normalise_prefix(place["prefix"])
        bucket = listing.may_list(actor, place["bucket"], prefix=prefix, limit=COUNTED)
        if listing.is_empty(bucket, prefix):
            continue
        page = listing.list_objects(actor, bucket, prefix=prefix, limit=COUNTED)
        unreadable = _unreadable(actor, bucket, prefix)
        if page.items or unreadable:
            found.append(
                {
                    "path": path(place),
                    "objects": len(page.items),
                    "more": page.next_marker is not None,
                    "bytes": sum(row.size for row in page.items),
                    "examples": [row.key for row in page.items[:SHOWN]],
                    "unreadable": unreadable,
                }
            )
    return found


def _unreadable(actor: Actor, bucket: Bucket, prefix: str) -> bool:
    """Whether objects lie there that ``actor`` may not read, though they may write there: a job
    would overwrite them."""
    if not access.decide(actor, PUT, buckets.inside(bucket, f"{prefix}file")).allowed:
        return False
    rows = StoredObject.objects.unscoped("whether a job would write over objects")
    there, readable = (
        listing.in_prefix(some.filter(bucket=bucket), prefix)
        for some in (rows, listing.visible_rows(actor))
    )
    return bool(there.exclude(pk__in=readable.values("pk")).exists())


def refuse_filled(actor: Actor, outputs: Iterable[Place], accepted: bool | Iterable[str]) -> None:
    """Raise Conflict OUTPUT_NOT_EMPTY for places with objects that were not accepted.

    ``accepted``: True for all, or the paths that the user was shown and took. An output that is
    copied in before the start (``predownload``) was meant to hold some.
    """
    if accepted is True:
        return
    taken = set(accepted or ())
    asked = [place for place in outputs if not place.get("predownload")]
    found = [seen for seen in filled(actor, asked) if seen["path"] not in taken]
    if not found:
        return
    problems = [Problem("outputs", _sentence(seen), "OUTPUT_NOT_EMPTY") for seen in found]
    raise Conflict(
        problems[0].text,
        code="OUTPUT_NOT_EMPTY",
        hint=messages.OUTPUT_NOT_EMPTY_NEXT(accept=ACCEPT),
        problems=problems,
        extra={"outputs": found},
    )


def _sentence(seen: Mapping[str, Any]) -> str:
    path = seen["path"]
    if not seen["objects"]:
        return messages.HOLDS_UNREADABLE(path=path)
    names = ", ".join(f"`{key}`" for key in seen["examples"])
    rest = ", …" if seen["more"] or seen["objects"] > len(seen["examples"]) else ""
    holds = messages.HOLDS_MORE if seen["more"] else messages.HOLDS
    said = holds(path=path, n=seen["objects"], size=seen["bytes"], names=f"{names}{rest}")
    return messages.AND_UNREADABLE(holds=said) if seen["unreadable"] else said

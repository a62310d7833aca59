"""Where a model's files come from: a bucket path, or the output of a training job.

A training job is known here only as a name in the source: the room above resolves it through
``register``, so that imports keep going one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core import regions
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from storage.bucket import queries as buckets
from storage.keys import normalise_prefix
from storage.object import listing
from storage.object.models import StoredObject

#: type of the jobs that models are registered from; the room above owns it
TRAINING_JOB = "training.trainingjob"


@dataclass(frozen=True, slots=True)
class Source:
    """A directory that holds ``model/``; ``prefix`` ends in "/" or is empty."""

    bucket: str
    prefix: str
    field: str = "prefix"
    training_job: str = ""

    def __str__(self) -> str:
        return f"obs://{self.bucket}/{self.prefix}"

    def as_json(self) -> dict[str, str]:
        made = {"bucket": self.bucket, "prefix": self.prefix}
        return made | ({"training_job": self.training_job} if self.training_job else {})

    def rows(self, actor: Actor) -> list[StoredObject]:
        """Objects of the package that the actor may read, by key."""
        bucket = buckets.bucket_named(actor, self.bucket)
        rows = listing.in_prefix(
            listing.visible_rows(actor).filter(bucket=bucket), f"{self.prefix}model/"
        )
        return list(rows.order_by("key"))


#: training job id -> directory that holds ``model/``, for one actor; raises what he may not see
Resolver = Callable[[Actor, str], Source]
_resolvers: dict[str, Resolver] = {}


def register(kind: str, resolver: Resolver) -> None:
    """Let a room above resolve sources of ``kind`` ("training_job")."""
    _resolvers[kind] = resolver


def resolve(actor: Actor, data: Mapping[str, Any]) -> Source:
    """The source that the input names, in the region of the actor, where the model will be.

    Raises ValidationFailed (REGION_MISMATCH among others), NotFound of what is named.
    """
    job, bucket = data.get("training_job"), str(data.get("bucket") or "")
    if bool(job) == bool(bucket):
        raise ValidationFailed.of(
            "training_job",
            "Give either a training job, or a bucket and a directory.",
            code="SOURCE",
        )
    if job:
        return _resolvers["training_job"](actor, str(job))
    try:
        place = buckets.bucket_named(actor, bucket)
    except NotFound:
        raise ValidationFailed.of(
            "bucket", f"No bucket “{bucket}” in this account.", code="BUCKET_MISSING"
        ) from None
    regions.require(place, actor.region, "model", field="bucket")
    prefix = normalise_prefix(str(data.get("prefix") or "").strip().lstrip("/"))
    prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    if prefix.endswith("model/") and (prefix == "model/" or prefix.endswith("/model/")):
        prefix = prefix.removesuffix("model/")  # people often name the directory itself
    return Source(bucket, prefix)


#: (id, label) pairs of things that a form may offer as a source
Choices = Callable[[Actor], list[tuple[str, str]]]
_choices: dict[str, Choices] = {}


def register_choices(kind: str, provider: Choices) -> None:
    """Let a room above say what a form may offer as a source of ``kind``."""
    _choices[kind] = provider


def choices(kind: str, actor: Actor) -> list[tuple[str, str]]:
    """What the actor may choose, newest first."""
    return _choices[kind](actor) if kind in _choices else []

"""Where a model's files come from: a bucket path, or the output of a training job.

A training job is known here only as a name in the source: the room above resolves it through
``register``, so that imports keep going one way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from console.choices import Rows
from core import regions
from core.actor import Actor
from core.errors import NotFound, ValidationFailed
from registry import messages
from registry.model.models import Model
from storage.bucket import queries as buckets
from storage.keys import normalise_prefix
from storage.object import listing
from storage.object.models import StoredObject

#: type of the jobs that models are registered from; the room above owns it
TRAINING_JOB = "training.trainingjob"


@dataclass(frozen=True, slots=True)
class Source:
    """A directory that holds ``model/``; ``prefix`` ends in "/" or is empty.

    ``files`` (key -> SHA-256): exactly these are the package, as they were then; None: all that lie
    there now.
    """

    bucket: str
    prefix: str
    field: str = "prefix"
    training_job: str = ""
    files: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"obs://{self.bucket}/{self.prefix}"

    def as_json(self) -> dict[str, str]:
        made = {"bucket": self.bucket, "prefix": self.prefix}
        return made | ({"training_job": self.training_job} if self.training_job else {})

    def rows(self, actor: Actor) -> list[StoredObject]:
        """Objects of the package that the actor may read, by key. Raises ValidationFailed for named
        files that are gone or another's by now."""
        bucket = buckets.bucket_named(actor, self.bucket)
        rows = listing.in_prefix(
            listing.visible_rows(actor).filter(bucket=bucket), f"{self.prefix}model/"
        )
        if self.files is None:
            return list(rows.order_by("key"))
        found = list(rows.filter(key__in=list(self.files)).order_by("key"))
        same = {row.key for row in found if row.sha256 == self.files[row.key]}
        changed = [key for key in sorted(self.files) if key not in same]
        if changed:
            names = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
            raise ValidationFailed.of(
                self.field,
                messages.OUTPUT_CHANGED(
                    changed=len(changed), files=len(self.files), place=self, names=names
                ),
            )
        return found


#: training job id -> directory that holds ``model/``, for one actor; raises for what they may not
#: see
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
        raise ValidationFailed.of("training_job", messages.SOURCE())
    if job:
        return _resolvers["training_job"](actor, str(job))
    try:
        place = buckets.bucket_named(actor, bucket)
    except NotFound:
        raise ValidationFailed.of("bucket", messages.BUCKET_MISSING(bucket=bucket)) from None
    regions.require(place, actor.region, Model, field="bucket")
    prefix = normalise_prefix(str(data.get("prefix") or "").strip().lstrip("/"))
    prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    if prefix.endswith("model/") and (prefix == "model/" or prefix.endswith("/model/")):
        prefix = prefix.removesuffix("model/")  # people often name the directory itself
    return Source(bucket, prefix)


#: what a form may offer as a source, for one actor
Offerer = Callable[[Actor], Rows]
_offerers: dict[str, Offerer] = {}


def register_rows(kind: str, offerer: Offerer) -> None:
    """Let a room above say what a form may offer as a source of ``kind``."""
    _offerers[kind] = offerer


def rows(kind: str, actor: Actor) -> list[Rows]:
    """What the actor may choose as a source of ``kind``; nothing where no room offers it."""
    return [_offerers[kind](actor)] if kind in _offerers else []

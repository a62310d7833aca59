"""Rules of buckets that no policy expresses."""

from __future__ import annotations

from core import access
from core.access import Refusal, Target
from core.actor import Actor
from storage import messages
from storage.bucket.models import Bucket

DELETE, LIST = "obs:bucket:DeleteBucket", "obs:bucket:ListBucket"


def register() -> None:
    """Tell the one decision."""
    access.guard(DELETE, _emptying)


def _emptying(actor: Actor, target: Target) -> Refusal | None:
    """Who empties a bucket sees what is in it; each object is decided by itself."""
    if target.verb != "purge" or not isinstance(target.instance, Bucket):
        return None
    found = access.decide(actor, LIST, target.instance)
    if found.allowed:
        return None
    return Refusal("contents", messages.EMPTYING_LISTS(reason=found.reason), found.missing)

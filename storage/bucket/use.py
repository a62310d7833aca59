"""Which objects of a bucket something at work needs, and the refusal to take them away."""

from __future__ import annotations

from core import references
from core.models import Reference
from storage.bucket.models import Bucket


def covers(path: str, key: str) -> bool:
    """Whether a reference to ``path`` (a folder with or without its last slash, a whole key, or ""
    for the bucket) concerns the object ``key``."""
    return path in ("", key) or key.startswith(path.rstrip("/") + "/")


def blocking(bucket: Bucket) -> list[Reference]:
    """What must not lose objects of the bucket now."""
    return list(references.blocking(bucket).order_by("id"))


def refuse_if_used(bucket: Bucket, key: str) -> None:
    """Raise Conflict (IN_USE) when deleting the object ``key`` would break something."""
    for row in blocking(bucket):
        if covers(row.path, key):
            raise references.in_use(bucket, row, f"{bucket.name}/{key}")

"""Says which dataset versions were made from a bucket."""

from __future__ import annotations

from collections.abc import Iterator

from datasets.version.models import DatasetVersion
from storage import uses
from storage.bucket.models import Bucket


@uses.register
def version_uses(bucket: Bucket) -> Iterator[uses.Use]:
    """A version keeps its bytes by itself, so it never blocks a delete."""
    rows = DatasetVersion.objects.unscoped("uses of a visible bucket").filter(
        account_id=bucket.account_id, source__bucket=bucket.name
    )
    for version in rows.select_related("dataset")[:500]:
        yield uses.Use(version, version.source.get("prefix", ""), "was made from")

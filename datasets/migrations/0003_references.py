"""Existing versions refer to the bucket that they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.migrations import _references as references
from django.db import migrations

TYPE = "datasets.datasetversion"


def found(apps: Any) -> Iterator[references.Found]:
    buckets = references.bucket_ids(apps)
    rows = apps.get_model("datasets", "DatasetVersion").objects.order_by("created_at")
    for row in rows.only("account_id", "source").iterator():
        pk = buckets.get((row.account_id, (row.source or {}).get("bucket")))
        if pk is not None:
            prefix = row.source.get("prefix", "")
            yield row, [("source", "storage.bucket", pk, prefix)], False, False



def write(apps: Any, schema_editor: Any) -> None:
    references.write(apps, TYPE, found(apps))


def remove(apps: Any, schema_editor: Any) -> None:
    references.remove(apps, TYPE)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0002_grants_newest"), ("core", "0006_references"), ("storage", "0001_initial")]

    operations = [migrations.RunPython(write, remove)]

"""Existing models refer to the job and to the bucket that they were taken from."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from core.migrations import _references as references
from django.db import migrations

TYPE = "registry.model"


def found(apps: Any) -> Iterator[references.Found]:
    buckets = references.bucket_ids(apps)
    rows = apps.get_model("registry", "Model").objects.order_by("created_at")
    for row in rows.only("account_id", "source").iterator():
        source, refs = row.source or {}, []
        if source.get("training_job"):
            job = uuid.UUID(source["training_job"])
            refs.append(("job", "training.trainingjob", job, ""))
        pk = buckets.get((row.account_id, source.get("bucket")))
        if pk is not None:
            refs.append(("source", "storage.bucket", pk, source.get("prefix", "")))
        yield row, refs, False, False



def write(apps: Any, schema_editor: Any) -> None:
    references.write(apps, TYPE, found(apps))


def remove(apps: Any, schema_editor: Any) -> None:
    references.remove(apps, TYPE)


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_grants_newest"), ("core", "0006_references"), ("storage", "0001_initial")]

    operations = [migrations.RunPython(write, remove)]

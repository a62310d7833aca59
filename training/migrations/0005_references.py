"""Existing jobs refer to their buckets and dataset versions; the table for the latter goes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from core.migrations import _references as references
from django.db import migrations

TYPE = "training.trainingjob"


TERMINAL = frozenset({"Completed", "Failed", "Terminated"})


def found(apps: Any) -> Iterator[references.Found]:
    buckets = references.bucket_ids(apps)
    rows = apps.get_model("training", "TrainingJob").objects.order_by("created_at")
    needed = ("account_id", "phase", "code_bucket", "code_prefix", "inputs", "outputs")
    for row in rows.only(*needed).iterator():
        places = [("code", row.code_bucket, row.code_prefix)]
        for role, items in (("input", row.inputs), ("output", row.outputs)):
            places += [(role, i["bucket"], i["prefix"]) for i in items if "bucket" in i]
        refs = {
            (role, "storage.bucket", buckets[row.account_id, name], prefix): None
            for role, name, prefix in places
            if (row.account_id, name) in buckets
        }
        for item in row.inputs:
            if "dataset_version" in item:
                version = uuid.UUID(item["dataset_version"])
                refs[("data", "datasets.datasetversion", version, "")] = None
        yield row, list(refs), True, row.phase not in TERMINAL


def remember_versions(apps: Any, schema_editor: Any) -> None:
    """The other way: what jobs read, as the table that is there again had it."""
    table = apps.get_model("training", "InputVersion")
    for row in apps.get_model("training", "TrainingJob").objects.only("inputs").iterator():
        versions = {i["dataset_version"] for i in row.inputs if "dataset_version" in i}
        table.objects.bulk_create(
            table(job_id=row.pk, dataset_version_id=uuid.UUID(version)) for version in versions
        )



def write(apps: Any, schema_editor: Any) -> None:
    references.write(apps, TYPE, found(apps))


def remove(apps: Any, schema_editor: Any) -> None:
    references.remove(apps, TYPE)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0004_secrets"),
        ("core", "0006_references"),
        ("storage", "0001_initial"),
    ]

    operations = [migrations.RunPython(write, remove), migrations.RunPython(migrations.RunPython.noop, remember_versions), migrations.DeleteModel("InputVersion")]

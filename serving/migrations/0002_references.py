"""Existing services refer to their models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.migrations import _references as references
from django.db import migrations

TYPE = "serving.service"


#: phases in which nothing of a service runs
SETTLED = frozenset({"Stopped", "Failed"})


def found(apps: Any) -> Iterator[references.Found]:
    rows = apps.get_model("serving", "Service").objects.exclude(model_id=None)
    for row in rows.only("account_id", "model_id", "phase").order_by("created_at").iterator():
        refs = [("model", "registry.model", row.model_id, "")]
        yield row, refs, True, row.phase not in SETTLED



def write(apps: Any, schema_editor: Any) -> None:
    references.write(apps, TYPE, found(apps))


def remove(apps: Any, schema_editor: Any) -> None:
    references.remove(apps, TYPE)


class Migration(migrations.Migration):
    dependencies = [("serving", "0001_initial"), ("core", "0006_references")]

    operations = [migrations.RunPython(write, remove)]

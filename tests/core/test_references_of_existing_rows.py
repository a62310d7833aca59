"""The migrations that give rows their references write what the kernel writes for new rows."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from core.models import Reference
from registry.model.models import Model
from tests.core.test_references import model_of, version_of
from tests.serving import make as serving
from tests.storage import people
from tests.training import jobs

pytestmark = pytest.mark.django_db

MIGRATIONS = (
    ("datasets", "0003_references"),
    ("registry", "0003_references"),
    ("serving", "0002_references"),
    ("training", "0005_references"),
)
COLUMNS = (
    "account_id",
    "from_type",
    "from_id",
    "to_type",
    "to_id",
    "role",
    "path",
    "holds",
    "blocks",
)


def rows() -> set[tuple[Any, ...]]:
    return set(Reference.objects.unscoped("test").values_list(*COLUMNS))


def test_existing_rows_get_the_references_that_new_ones_get() -> None:
    alice, carol = people.root("alice"), people.root("carol")
    version = version_of(alice)
    outputs = [{"name": "train_url", "bucket": "data", "prefix": "out/"}]
    plain = [{"name": "data_url", "bucket": "data", "prefix": "in/"}]
    jobs.job(alice, inputs=[*plain, *plain], outputs=outputs)
    done = jobs.job(alice, phase="Completed", inputs=jobs.reads(version), outputs=outputs)
    jobs.job(alice, code_bucket="gone")
    jobs.job(carol)  # another account's bucket of the same name is not the one it means
    model = model_of(alice, training_job=str(done.pk), bucket="data", prefix="out/")
    Model.objects.unscoped("test").filter(pk=model.pk).update(name="first")
    model_of(alice)
    serving.running(alice.actor.account_id, "own", model=model)
    serving.running(carol.actor.account_id, "of-a-shared-model", model=model)
    serving.running(carol.actor.account_id, "of-none")
    wanted = rows()
    assert {role for *_, role, _path, _holds, _blocks in wanted} == {
        "code", "input", "data", "output", "source", "job", "model",
    }  # fmt: skip
    Reference.objects.unscoped("test").delete()
    loader = MigrationLoader(connection)
    for app, name in MIGRATIONS:
        migration = import_module(f"{app}.migrations.{name}")
        apps = loader.project_state(migration.Migration.dependencies, at_end=True).apps
        migration.write(apps, None)
    assert rows() == wanted
    for app, name in MIGRATIONS:
        migration = import_module(f"{app}.migrations.{name}")
        apps = loader.project_state(migration.Migration.dependencies, at_end=True).apps
        migration.remove(apps, None)
    assert not rows()

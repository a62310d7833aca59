"""The table of tags: in step with the rows, and what lists under a condition on tags read."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext

from accounts import access as engine
from core import access
from core.models import Tag
from core.models.resource import validate_tags
from registry.model import services as models
from registry.model.models import Model
from tests.storage import people
from tests.storage.people import Person, statement

pytestmark = pytest.mark.django_db
LIST = "modelarts:model:list"


@pytest.fixture
def owner() -> Person:
    return people.root("owner")


def model(owner: Person, name: str, **tags: str) -> Model:
    return Model.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name=name,
        phase="Published",
        tags=tags,
    )


def kept(row: Model) -> dict[str, str]:
    rows = Tag.objects.unscoped("test").filter(resource_id=row.pk)
    assert {(r.account_id, r.resource_type) for r in rows} <= {(row.account_id, "registry.model")}
    return dict(rows.values_list("key", "value"))


def test_tags_are_written_with_their_row(owner: Person) -> None:
    made = model(owner, "m", Team="red", cost="1")
    assert kept(made) == {"team": "red", "cost": "1"}
    made = models.update(owner.actor, made, {"tags": {"team": "blue"}})
    assert kept(made) == {"team": "blue"}
    models.update(owner.actor, made, {"description": "x"})
    assert kept(made) == {"team": "blue"}
    models.delete(owner.actor, made)
    assert kept(made) == {}


def test_keys_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(ValidationError):
        validate_tags({"team": "red", "Team": "blue"})


def test_rows_from_before_get_theirs(owner: Person) -> None:
    made = model(owner, "m", Team="red")
    people.user(owner, "u", [])
    Tag.objects.unscoped("test").delete()
    migration = import_module("core.migrations.0007_tags")
    apps = MigrationLoader(connection).project_state(("core", "0007_tags")).apps
    migration.fill(apps, None)
    assert kept(made) == {"team": "red"}


@pytest.mark.parametrize(
    ("rights", "seen"),
    [
        ([("Allow", {"StringEquals": {"g:ResourceTag/team": ["red"]}})], {"red"}),
        ([("Allow", {"StringNotEquals": {"g:ResourceTag/team": ["red"]}})], {"blue", "none"}),
        ([("Allow", {}), ("Deny", {"Null": {"g:ResourceTag/team": ["true"]}})], {"red", "blue"}),
        ([("Allow", {"StringLike": {"g:ResourceTag/team": ["*e*"]}})], {"red", "blue"}),
    ],
)
def test_a_list_asks_the_table_in_one_query(
    owner: Person, rights: list[tuple[str, dict[str, object]]], seen: set[str], monkeypatch
) -> None:
    model(owner, "red", team="red", cost="1")
    model(owner, "blue", team="blue")
    model(owner, "none")
    statements = [
        statement(effect, "modelarts:model:*") | ({"Condition": asked} if asked else {})
        for effect, asked in rights
    ]
    li = people.user(owner, "li", statements)
    every = Model.objects.unscoped("test")
    assert {m.name for m in every if access.decide(li.actor, LIST, m).allowed} == seen
    monkeypatch.setattr(engine, "ROWS_ONE_BY_ONE", 0)
    assert {m.name for m in Model.objects.own(li.actor, "list")} == seen
    counts = []
    for _more in range(2):
        with CaptureQueriesContext(connection) as asked_for:
            list(Model.objects.own(li.actor, "list"))
        counts.append(len(asked_for))
        for number in range(5):
            model(owner, f"red{number}-{len(counts)}", team="red")
    assert counts[0] == counts[1]

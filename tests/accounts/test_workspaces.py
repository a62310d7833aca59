"""Workspace and enterprise project of a row: defaults, conditions of policies, lists in order."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts import facts
from accounts.enterprise_project.models import EnterpriseProject
from accounts.workspace.models import Workspace
from console.pages.list import branches
from core import access, registry
from core.listing import sorted_by
from core.models.resource import DEFAULT_PLACE
from registry.model.models import Model
from tests.storage import people
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
READ = "modelarts:model:get"


@pytest.fixture
def owner() -> Person:
    return people.root("owner")


def model(owner: Person, name: str, **place: str) -> Model:
    return Model.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name=name,
        phase="Published",
        **place,
    )


def workspace(owner: Person, code: str, project: str = "") -> Workspace:
    """One more workspace, in an enterprise project of its own."""
    account = owner.user.account
    bound = EnterpriseProject.objects.create(
        account=account, code=project or f"ep-{code}", name=project or f"ep-{code}"
    )
    made = Workspace.objects.create(
        account=account, code=code, name=f"space-{code}", enterprise_project=bound
    )
    facts.bump(account.pk)
    return made


def listed(person: Person) -> set[str]:
    rows = branches(registry.spec_of(Model), person.actor, "own")
    return {row.name for row in rows[0:50]}


def test_an_account_begins_with_the_default_ones(owner: Person) -> None:
    (made,) = Workspace.objects.filter(account=owner.user.account)
    assert (made.code, made.enterprise_project.code) == (DEFAULT_PLACE, DEFAULT_PLACE)
    bucket = people.bucket(owner)
    assert (bucket.workspace_id, bucket.enterprise_project_id) == (DEFAULT_PLACE, DEFAULT_PLACE)


def test_accounts_from_before_get_them(owner: Person) -> None:
    people.root("another")
    Workspace.objects.all().delete()
    EnterpriseProject.objects.filter(account=owner.user.account).delete()
    migration = import_module("accounts.migrations.0004_workspaces")
    apps = MigrationLoader(connection).project_state(("accounts", "0004_workspaces")).apps
    for _twice in range(2):
        migration.defaults(apps, None)
    for table in (EnterpriseProject, Workspace):
        rows: Any = table
        assert set(rows.objects.values_list("code", "name")) == {("0", "default")}
        assert rows.objects.count() == 2


def test_rows_of_every_workspace_are_listed_once_in_order(owner: Person) -> None:
    workspace(owner, "w1")
    for number, code in enumerate(("0", "w1", "0", "w1")):
        model(owner, f"m{number}", workspace_id=code)
    rows = branches(registry.spec_of(Model), owner.actor, "own")
    assert [row.name for row in rows[0:3]] == ["m3", "m2", "m1"]
    assert [row.name for row in rows[2:4]] == ["m1", "m0"]
    assert rows.count() == 4


@pytest.mark.parametrize("codes", [[], ["w1", "w2"]], ids=["one", "several"])
def test_own_rows_are_read_in_the_order_of_the_index(owner: Person, codes: list[str]) -> None:
    for code in codes:
        workspace(owner, code)
    for code in (DEFAULT_PLACE, *codes):
        model(owner, f"m-{code}", workspace_id=code)
    parts = branches(registry.spec_of(Model), owner.actor, "own").branches
    assert len(parts) == 1 + len(codes)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # a table of three rows is read as a whole and sorted
            for other in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{other} = off")
    for rows in parts:
        plan = sorted_by(rows, "-created_at")[:20].explain()
        assert "model_own_newest" in plan
        assert "Sort" not in plan and "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize(
    ("key", "column"),
    [("g:EnterpriseProjectId", "enterprise_project_id"), ("g:WorkspaceId", "workspace_id")],
)
def test_conditions_ask_for_the_place_of_the_row(owner: Person, key: str, column: str) -> None:
    workspace(owner, "w1", project="w1")
    for name, code in (("inside", "w1"), ("outside", DEFAULT_PLACE)):
        model(owner, name, **{column: code})
    rights = {"Effect": "Allow", "Action": ["modelarts:model:*"]}
    asked = {"Condition": {"StringEquals": {key: ["w1"]}}}
    inside = people.user(owner, "inside", [rights | asked])
    outside = people.user(owner, "outside", [rights, rights | asked | {"Effect": "Deny"}])
    for person, name in ((inside, "inside"), (outside, "outside")):
        assert listed(person) == {name}
        rows = Model.objects.unscoped("test")
        allowed = {r.name for r in rows if access.decide(person.actor, READ, r).allowed}
        assert allowed == {name}

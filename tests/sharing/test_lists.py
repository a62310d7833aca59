"""A list is what ``decide()`` says row by row, own and shared, in one order, on all pages."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import facts
from console.filters import filterset_class
from console.pages.list import branches
from core import registry
from core.access import decide
from core.listing import COUNT_CAP, Branches, sorted_by
from registry.model.models import Model, ModelGrant
from sharing import grants
from sharing.unit.models import ShareUnit
from tests.sharing.conftest import Tenant, accepted, allow, model_of, share, tenant

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

LIST = "modelarts:model:list"
NOW = timezone.now()
REGIONS = ("cn-north-1", "cn-east-3")
WINDOWS = {"open": None, "later": NOW + dt.timedelta(days=1), "over": NOW - dt.timedelta(days=1)}

some_rows = st.lists(
    st.tuples(
        st.sampled_from(["mine", "first", "second"]),  # whose
        st.integers(0, 3),  # when it was made: many ties
        st.sampled_from(["digits", "faces", "dig-2"]),
        st.sampled_from(["Published", "Failed"]),
        st.sampled_from(REGIONS),
    ),
    min_size=4,
    max_size=16,
)
some_units = st.lists(
    st.tuples(
        st.sampled_from(["first", "second"]),
        st.sampled_from(["ACTIVE", "ACTIVE", "DELETING"]),
        st.sampled_from(sorted(WINDOWS)),
        st.sets(st.integers(0, 15), min_size=1),  # which rows
        st.sets(st.sampled_from(["list", "get", "infer"]), min_size=1),
        st.sampled_from(["mine", "mine", "second"]),  # to whom
    ),
    min_size=1,
    max_size=5,
)
statements = st.sampled_from(
    [
        allow("modelarts:*:*"),
        allow("modelarts:model:get"),
        {
            "Version": "1.1",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["modelarts:model:*"],
                    "Condition": {"StringEquals": {"g:Region": [REGIONS[0]]}},
                }
            ],
        },
        {
            "Version": "1.1",
            "Statement": [
                {"Effect": "Allow", "Action": ["modelarts:model:*"]},
                {
                    "Effect": "Deny",
                    "Action": ["modelarts:model:list"],
                    "Condition": {"StringEquals": {"g:ResourceTag/name": ["faces"]}},
                },
            ],
        },
    ]
)
WANTED: tuple[dict[str, str], ...] = (
    {},
    {"q": "dig"},
    {"phase": "Failed"},
    {"q": "faces", "phase": "Published"},
)
ASKED = [(query, "-created_at") for query in WANTED] + [
    ({}, ordering) for ordering in ("created_at", "name", "-name", "-id")
]


def make_rows(people: dict[str, Tenant], wanted: list[tuple[Any, ...]]) -> list[Model]:
    made = []
    for number, (whose, minute, name, phase, region) in enumerate(wanted):
        row = Model.objects.create(
            account_id=people[whose].id,
            region=region,
            name=name,
            model_version=f"0.0.{number}",
            phase=phase,
            tags={"name": name},
        )
        when = NOW - dt.timedelta(minutes=minute)
        Model.objects.unscoped("test").filter(pk=row.pk).update(created_at=when)
        made.append(Model.objects.unscoped("test").get(pk=row.pk))
    return made


def make_unit(people: dict[str, Tenant], rows: list[Model], wanted: tuple[Any, ...]) -> None:
    whose, phase, window, numbers, operations, whom = wanted
    spec = registry.spec_of(Model)
    unit = ShareUnit.objects.create(
        account_id=people[whose].id,
        region=REGIONS[0],
        name=f"u{ShareUnit.objects.unscoped('test').count()}",
        phase=phase,
        valid_until=WINDOWS[window],
    )
    ids = [rows[n].pk for n in numbers if n < len(rows) and rows[n].account_id == people[whose].id]
    actions = [grants.full_action(spec, operation) for operation in operations]
    grants.give(unit, spec, ids, people[whom].id, actions)


def wanted_of(
    rows: list[Model], actor: Any, which: str, region: str, query: dict[str, str]
) -> list[Model]:
    """Those of ``rows`` that a list is asked for, without a database."""
    return [
        row
        for row in rows
        if which in ("all", "own" if row.account_id == actor.account_id else "shared")
        and region in ("", row.region)
        and query.get("q", "") in row.name
        and query.get("phase", row.phase) == row.phase
    ]


def in_order(rows: list[Model], ordering: str) -> list[Any]:
    column = ordering.lstrip("-")
    ranked = sorted(
        rows, key=lambda r: (getattr(r, column), str(r.pk)), reverse=ordering.startswith("-")
    )
    return [row.pk for row in ranked]


def listed(rows: Branches, size: int) -> list[Any]:
    """All pages, one after the other, and one beyond the end."""
    pages: list[Any] = []
    for start in range(0, COUNT_CAP, size):
        page = [row.pk for row in rows[start : start + size]]
        pages += page
        if not page:
            return pages
    raise AssertionError("a list without an end")


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(some_rows, some_units, statements, st.booleans(), st.sampled_from(["", REGIONS[0]]))
def test_a_list_is_what_decide_says_row_by_row(
    wanted: Any, units: Any, statement: Any, as_root: bool, region: str
) -> None:
    people = {name: tenant(name) for name in ("mine", "first", "second")}
    rows = make_rows(people, wanted)
    for unit in units:
        make_unit(people, rows, unit)
    spec = registry.spec_of(Model)
    mine = people["mine"]
    actor = mine.root if as_root else mine.user("li", statement)
    filters = filterset_class(spec)
    with facts.remembered():
        every = list(Model.objects.unscoped("test"))
        allowed = [row for row in every if decide(actor, LIST, row).allowed]
        for which, (query, ordering) in product(("own", "shared", "all"), ASKED):
            expected = in_order(wanted_of(allowed, actor, which, region, query), ordering)
            found = branches(spec, actor, which, region=region).order(ordering)
            found.narrow(lambda qs, q=query: filters(q, queryset=qs).qs)
            assert listed(found, 3) == expected, (which, query, ordering)
            assert [row.pk for row in found[0:100]] == expected, (which, query, ordering)
            assert found.count() == len(expected), (which, query)


class TestTwoUnits:
    """The same object through two units is one row until the last of them ends."""

    @pytest.fixture
    def both(self, owner: Tenant, consumer: Tenant, model: Model) -> list[ShareUnit]:
        units = [share(owner, [model], [consumer]) for _ in range(2)]
        for unit in units:
            accepted(unit, consumer)
        assert ModelGrant.objects.filter(content_object=model).count() == 8
        return sorted(units, key=lambda unit: str(unit.pk))

    def seen(self, consumer: Tenant) -> tuple[int, int]:
        rows = branches(registry.spec_of(Model), consumer.root, "all")
        return len(rows[0:20]), rows.count()

    @pytest.mark.parametrize("first", [0, 1])
    def test_by_phase(self, consumer: Tenant, both: list[ShareUnit], first: int) -> None:
        assert self.seen(consumer) == (1, 1)
        every = ShareUnit.objects.unscoped("test")
        every.filter(pk=both[first].pk).update(phase=ShareUnit.Phase.DELETING)
        assert self.seen(consumer) == (1, 1)
        every.update(phase=ShareUnit.Phase.DELETING)
        assert self.seen(consumer) == (0, 0)

    @pytest.mark.parametrize("first", [0, 1])
    def test_by_window(self, consumer: Tenant, both: list[ShareUnit], first: int) -> None:
        ModelGrant.objects.filter(unit=both[first]).update(valid_until=WINDOWS["over"])
        assert self.seen(consumer) == (1, 1)
        ModelGrant.objects.update(valid_until=WINDOWS["over"])
        assert self.seen(consumer) == (0, 0)


def test_the_shared_branch_is_read_in_the_order_of_its_index(
    owner: Tenant, consumer: Tenant
) -> None:
    accepted(share(owner, [model_of(owner, f"m{n}") for n in range(3)], [consumer]), consumer)
    (rows,) = branches(registry.spec_of(Model), consumer.root, "shared").branches
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # a table of three rows is read as a whole
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
    for ordering in ("-created_at", "created_at"):
        plan = sorted_by(rows, ordering)[:20].explain()
        assert "registry_modelgrant_newest" in plan
        assert "Sort" not in plan and "TEMP B-TREE" not in plan, plan


def test_a_grant_copies_when_its_object_was_made(
    owner: Tenant, consumer: Tenant, model: Model
) -> None:
    accepted(share(owner, [model], [consumer]), consumer)
    copies = set(ModelGrant.objects.values_list("object_created_at", flat=True))
    assert copies == {model.created_at}


@pytest.mark.parametrize("app", ["registry", "datasets"])
def test_the_migration_copies_it_to_grants_that_were_there(
    app: str, owner: Tenant, consumer: Tenant, model: Model
) -> None:
    from datasets.dataset.models import Dataset, DatasetGrant

    table: Any = ModelGrant
    obj: Any = model
    if app == "datasets":
        table = DatasetGrant
        obj = Dataset.objects.create(account_id=owner.id, region=REGIONS[0], name="digits")
    spec = registry.spec_of(obj)
    unit = share(owner, [model], [])
    grants.give(
        unit, spec, [obj.pk], consumer.id, [grants.full_action(spec, spec.share_operations[0])]
    )
    table.objects.update(object_created_at=NOW - dt.timedelta(days=900))
    migration = import_module(f"{app}.migrations.0002_grants_newest")
    migration.copy_from_objects(apps, SimpleNamespace(connection=connection))
    (copy,) = table.objects.values_list("object_created_at", flat=True)
    assert copy == obj.created_at

"""A list is what ``decide`` says row by row; and another account's rows need both sides (V10)."""

from __future__ import annotations

import pytest
from django.db.models import Q, TextField, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import facts
from accounts.access import Engine
from accounts.account.models import Account
from accounts.group.models import Group
from accounts.rows import anchored
from core import deadline, grants
from core.access import as_target, decide, scope
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


class Shelf(Group):
    """A resource that policies can name by a path, without a table of its own."""

    class Meta:
        proxy = True
        app_label = "accounts"

    @property
    def access_path(self) -> str:
        return self.name


class Shares:
    """Grants in a dictionary: (consumer account, row) -> {action: unit}."""

    def __init__(self):
        self.rows = {}

    def give(self, consumer, row, unit, *operations):
        held = self.rows.setdefault((consumer.pk, row.pk), {})
        held |= {f"modelarts:model:{op}": unit for op in operations}

    def take(self, consumer, row, unit):
        held = self.rows[consumer.pk, row.pk]
        self.rows[consumer.pk, row.pk] = {a: u for a, u in held.items() if u != unit}

    def operations(self, actor, target):
        return self.rows.get((actor.account_id, target.pk), {})

    def shared_walk(self, actor, action, model):
        return None  # no index gives the order

    def shared_filter(self, actor, action, model):
        keys = [
            row
            for (account, row), held in self.rows.items()
            if account == actor.account_id and action in held
        ]
        return Q(pk__in=keys) if keys else None


@pytest.fixture
def shares():
    provider = Shares()
    grants.register(provider)
    yield provider
    grants.unregister(provider)


class TestV10CrossAccountShare:
    @pytest.fixture(autouse=True)
    def world(self, shares):
        self.shares = shares
        self.a, self.b, self.c = (make.account() for _ in range(3))
        self.m = make.group(self.a, name="m")
        shares.give(self.b, self.m, "S1", "get", "list", "infer")
        self.v, self.w = make.user(self.b, "v"), make.user(self.b, "w")
        make.attach(self.v, statement("Allow", "modelarts:model:*"))

    def may(self, user, operation):
        return decide(make.actor(user), f"modelarts:model:{operation}", self.m)

    def test_both_sides_must_say_yes(self):
        self.shares.give(self.b, self.m, "S2", "finetune")
        root = make.root_of(self.b)
        assert self.may(self.v, "get").allowed
        assert self.may(self.v, "finetune").allowed
        assert self.may(root, "get").allowed
        for user in (self.v, root):
            for operation in ("delete", "export"):
                refused = self.may(user, operation)
                assert not refused.allowed
                assert refused.step == "share"

    def test_the_consumers_side_is_named_and_nothing_of_the_owners(self):
        refused = self.may(self.w, "get")
        assert refused.step == "identity"
        text = refused.reason + refused.missing + "".join(s.text for s in refused.trace)
        assert self.a.name not in text
        assert self.a.pk not in text
        assert "S1" not in text

    def test_two_units_add_up_and_taking_one_leaves_the_other(self):
        self.shares.give(self.b, self.m, "S2", "finetune")
        del self.shares.rows[self.b.pk, self.m.pk]["modelarts:model:get"]
        self.shares.give(self.b, self.m, "S2", "get")
        self.shares.take(self.b, self.m, "S1")
        assert not self.may(self.v, "infer").allowed
        assert self.may(self.v, "finetune").allowed
        assert self.may(self.v, "get").allowed

    def test_a_deny_in_the_consumers_account_wins_over_a_live_unit(self):
        make.attach(self.v, statement("Deny", "modelarts:model:infer"))
        assert self.may(self.v, "infer").step == "explicit_deny"

    def test_not_invited_sees_nothing(self):
        root = make.root_of(self.c)
        assert not self.may(root, "get").allowed
        assert not rows(make.actor(root), "modelarts:model:list", Group) & {self.m.pk}

    def test_lists_show_the_shared_row_to_who_may(self):
        listed = "modelarts:model:list"
        assert self.m.pk in rows(make.actor(self.v), listed, Group)
        assert self.m.pk in rows(make.actor(make.root_of(self.b)), listed, Group)
        assert self.m.pk not in rows(make.actor(self.w), listed, Group)

    def test_a_right_that_ends_ends_at_the_next_question(self):
        assert self.may(self.v, "infer").allowed
        self.shares.rows.clear()
        assert not self.may(self.v, "infer").allowed

    def test_an_agency_needs_the_grant_as_well(self):
        agency = make.agency(self.b, statement("Allow", "modelarts:model:*"))
        behalf = make.actor(self.v, agency_id=agency.pk)
        assert decide(behalf, "modelarts:model:infer", self.m).allowed
        assert not decide(behalf, "modelarts:model:delete", self.m).allowed
        narrow = make.agency(self.b, statement("Allow", "modelarts:model:get"))
        behalf = make.actor(self.v, agency_id=narrow.pk)
        assert decide(behalf, "modelarts:model:infer", self.m).step == "agency"


def rows(actor, action, model):
    """Keys of the rows a list of ``model`` shows."""
    found = scope(actor, action, model)
    return {
        key
        for condition in (found.own, found.shared)
        if condition is not None
        for key in model._base_manager.filter(condition).values_list("pk", flat=True)
    }


def one_by_one(actor, action, model, accounts):
    """The same by asking about every row of these accounts."""
    engine = Engine()
    return {
        row.pk
        for row in model._base_manager.filter(account__in=accounts)
        if engine.decide(actor, action, as_target(actor, row), {}).allowed
    }


NAMES = ["team1", "team10", "team1-secret", "Team1", "a.b", "axb", "data"]
ACTION = "obs:bucket:ListBucket"
patterns = st.sampled_from(
    [
        "obs:*:*:bucket:*",
        "obs:*:*:bucket:team1*",
        "obs:*:*:bucket:team1",
        "obs:*:*:bucket:*secret",
        "obs:*:*:bucket:a.b",
        "obs:*:*:bucket:t*1*",
        "obs:cn-north-1:*:bucket:*",
        "obs:cn-*:*:bucket:team*",
        "obs:*:0000000000:bucket:*",
        "obs:*:*:object:team1/*",
        "obs:*:*:*:data",
        "*",
    ]
)
conditions = st.one_of(
    st.none(),
    st.sampled_from(
        [
            {"StringEquals": {"g:Region": ["cn-north-1"]}},
            {"StringNotEquals": {"g:RequestedRegion": ["cn-north-1"]}},
            {"StringEquals": {"g:ResourceTag/team": ["red"]}},
            {"IpAddress": {"g:SourceIp": ["10.0.0.0/8"]}},
            {"StringEquals": {"g:UserName": ["li"]}},
        ]
    ),
)
statements = st.builds(
    lambda effect, action, resources, condition: statement(
        effect,
        action,
        **({"Resource": resources} if resources else {}),
        **({"Condition": condition} if condition else {}),
    ),
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from([ACTION, "obs:bucket:*", "obs:bucket:List*", "*:*:*", "obs:object:*"]),
    st.lists(patterns, max_size=3),
    conditions,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(statements, min_size=1, max_size=4),
    st.lists(statements, max_size=2),
    st.sampled_from(["user", "root", "behalf"]),
    st.sampled_from(["10.1.2.3", "192.0.2.1"]),
)
def test_a_list_is_what_decide_says_row_by_row(shares, mine, delegated, who, address):
    owner, other = make.account(), make.account()
    li = make.user(owner, "li")
    for number, name in enumerate(NAMES):
        for account in (owner, other):
            row = make.group(account, name=name)
            row.region = ("cn-north-1", "cn-east-1")[number % 2]
            row.tags = {"team": ("red", "blue")[number % 3 == 0]}
            row.save()
            if account is other and number % 2:
                shares.rows[owner.pk, row.pk] = {ACTION: "S1"}
    for one in mine:
        make.attach(li, one)
    agency = make.agency(owner, *delegated) if who == "behalf" else None
    actor = make.actor(
        make.root_of(owner) if who == "root" else li,
        agency_id=agency.pk if agency else None,
        source_ip=address,
    )
    with facts.remembered():
        # rows named by a path, and rows of a type that policies cannot single out
        for model in (Shelf, Group):
            assert rows(actor, ACTION, model) == one_by_one(actor, ACTION, model, [owner, other])
    shares.rows.clear()


def test_own_rows_never_include_another_accounts_and_a_list_without_rights_is_empty():
    owner, other = make.account(), make.account()
    mine, theirs = make.group(owner), make.group(other)
    root = make.actor(make.root_of(owner))
    assert rows(root, "iam:groups:listGroups", Group) == {mine.pk}
    assert rows(make.actor(make.user(owner)), "iam:groups:listGroups", Group) == set()
    assert theirs.pk not in rows(root, "iam:groups:listGroups", Group)


def test_hostile_patterns_take_linear_time():
    """In the matcher of the database at hand: SQLite's backtracks, PostgreSQL's does not."""
    make.account()
    texts = Account.objects.annotate(text=Value("a" * 400, output_field=TextField()))
    pattern = anchored("*a" * 200 + "b")
    with deadline.within(60):  # one that backtracks takes years
        assert not texts.filter(text__regex=pattern).exists()
    assert texts.filter(text__regex=anchored("*a" * 200)).exists()

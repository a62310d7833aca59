"""Random acts of one person and of everybody they make or take over, against a naive reckoning.

Somebody looks after people in a small account, mostly fenced by some Deny. They, and whoever they
made or took over, act at random through the services. The reckoning reads the raw documents from
the database, with the tests' naive evaluator, over a finite set of points (action, path, address).
After every accepted act, for everybody in the account:

- what the person and their puppets can do is within what the person could do at the start;
- what anybody can newly do is, too;
- a Deny that no longer holds for somebody was about what the person could do at the start.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import facts
from accounts.account.models import Account
from accounts.agency.models import Agency
from accounts.group import services as groups
from accounts.group.models import Group, Membership
from accounts.policy import services as policies
from accounts.policy.models import Policy, PolicyAttachment
from accounts.user import services as users
from accounts.user.models import User
from core import services as core_services
from core.actor import Actor
from core.errors import AppError
from tests.accounts import make
from tests.accounts.engine import naive

PEOPLE = ["iam:users:*", "iam:groups:*", "iam:policies:*"]
GLOBAL = [
    "iam:users:resetPassword",
    "iam:policies:detachPolicy",
    "iam:credentials:createCredential",
]
STORED = ["obs:object:GetObject", "obs:object:PutObject"]
LOOSE = ["modelarts:model:get", "modelarts:trainJob:create"]
PATHS, PLACES, NAMES = ["a/x", "b/x"], ["10.0.0.1", "192.0.2.1"], ["alice", "bob", "carol", "dora"]
OWN = "iam:credentials:createCredential"
NEXT = itertools.count(1)

Point = tuple[str, str, str]
POINTS: list[Point] = [
    *((action, "", place) for action in (*GLOBAL, *LOOSE) for place in PLACES),
    *((action, path, place) for action in STORED for path in PATHS for place in PLACES),
]

conditions = st.sampled_from([
    None, None, None, {"IpAddress": {"g:SourceIp": ["10.0.0.0/8"]}},
    {"StringEquals": {"g:UserName": ["alice"]}}, {"StringNotEquals": {"g:UserName": ["bob"]}},
])  # fmt: skip
patterns = st.sampled_from([
    ["obs:*:*"], ["obs:object:GetObject"], ["modelarts:*:*"], ["modelarts:*:get"], PEOPLE,
    ["iam:*:*"], ["iam:policies:*"], [OWN], ["*:*:*"],
])  # fmt: skip


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    actions = draw(patterns)
    made = make.statement(draw(st.sampled_from(effects)), *actions)
    if actions[0].startswith("obs") and draw(st.booleans()):
        made["Resource"] = ["obs:*:*:object:a/*"]
    condition = draw(conditions)
    if condition is not None:
        made["Condition"] = condition
    return made


@dataclass(frozen=True)
class Reach:
    """What one user can do, and what a Deny keeps from them: points."""

    can: frozenset[Point]
    denied: frozenset[Point]


def reach(user: User, strict: bool) -> Reach:
    """The naive reckoning, from raw rows."""
    rows = [*PolicyAttachment.objects.filter(user=user).select_related("policy")]
    for membership in Membership.objects.filter(user=user):
        rows += PolicyAttachment.objects.filter(group=membership.group_id).select_related("policy")
    documents = json.dumps([row.policy.document for row in rows if row.policy is not None])
    found = reckon(documents, user.name, user.account_id, strict)
    return found if user.is_active else Reach(frozenset(), found.denied)


@lru_cache(maxsize=10_000)
def reckon(documents: str, name: str, account: str, strict: bool) -> Reach:
    can, denied = set(), set()
    for action, path, place in POINTS:
        resource = f"obs::{account}:object:{path}" if path else None
        context = {"g:UserName": name, "g:SourceIp": place}
        answer = naive.decide(json.loads(documents), action, resource, context, account)
        default = action == OWN or (not strict and action.startswith("modelarts:"))
        if answer == "explicit_deny":
            denied.add((action, path, place))
        elif answer == "allow" or default:
            can.add((action, path, place))
    return Reach(frozenset(can), frozenset(denied))


class Play(RuleBasedStateMachine):
    """One account, one person, and everybody the person makes or takes over."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.owner: Account
        self.mine: list[UUID] = []
        self.start: frozenset[Point] = frozenset()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        facts.forget(self.owner.pk)

    @initialize(
        strict=st.booleans(),
        own=st.lists(statements(), min_size=1, max_size=3),
        shared=st.lists(statements(), max_size=2),
        others=st.lists(st.lists(statements(), max_size=2), min_size=1, max_size=2),
        member=st.booleans(),
        agency=st.booleans(),
    )
    def begin(
        self,
        strict: bool,
        own: list[dict[str, Any]],
        shared: list[dict[str, Any]],
        others: list[list[dict[str, Any]]],
        member: bool,
        agency: bool,
    ) -> None:
        self.strict = strict
        self.owner = make.account(strict=strict)
        person = make.user(self.owner, "alice")
        make.attach(person, make.statement("Allow", *PEOPLE))
        for statement in own:
            make.attach(person, statement)
        group = make.group(self.owner, *([person] if member else []))
        for statement in shared:
            make.attach(group, statement)
        for name, held in zip(NAMES[1:], others, strict=False):
            other = make.user(self.owner, name)
            for statement in held:
                make.attach(other, statement)
        if agency:
            make.agency(self.owner, make.statement("Allow", "obs:*:*"))
        self.mine = [person.pk]
        self.before = self.everybody()
        self.start = self.before[person.pk].can

    # -- what is there ----------------------------------------------------------------------------

    def all(self, model: Any) -> list[Any]:
        rows = model.objects.unscoped("t") if hasattr(model.objects, "unscoped") else model.objects
        order = "id" if model is PolicyAttachment else "created_at"
        return list(rows.filter(account=self.owner).order_by(order))

    def people(self) -> list[User]:
        return [u for u in self.all(User) if not u.is_root]

    def everybody(self) -> dict[UUID, Reach]:
        return {user.pk: reach(user, self.strict) for user in self.people()}

    def actor(self, number: int) -> Actor:
        there = [u for u in self.people() if u.pk in self.mine]
        user = there[number % len(there)]
        return make.actor(user, source_ip="10.0.0.1")

    def one(self, model: Any, number: int) -> Any:
        rows = self.people() if model is User else self.all(model)
        return rows[number % len(rows)] if rows else None

    # -- acts -------------------------------------------------------------------------------------

    def attempt(self, act: Callable[[], Any]) -> Any:
        """The act; None where it was refused."""
        try:
            with transaction.atomic():
                done = act()
        except AppError:
            return None
        return done if done is not None else True

    def take(self, user: Any) -> None:
        """The person's from now on."""
        if isinstance(user, User) and user.pk not in self.mine:
            self.mine.append(user.pk)
            User.objects.unscoped("t").filter(pk=user.pk).update(must_change_password=False)
            facts.bump(self.owner.pk)

    def check(self) -> None:
        now = self.everybody()
        for pk, there in now.items():
            before = self.before.get(pk, Reach(frozenset(), frozenset()))
            gained = there.can - before.can - self.start
            assert not gained, f"gained {sorted(gained)}"
            lifted = before.denied - there.denied - self.start
            assert not lifted, f"lifted {sorted(lifted)}"
        for pk in self.mine:
            beyond = now[pk].can - self.start if pk in now else frozenset()
            assert not beyond, f"a puppet beyond the person: {sorted(beyond)}"
        self.before = now

    numbers = st.integers(0, 7)
    kinds = st.sampled_from([User, User, Group, Agency])

    @rule(who=numbers)
    def make_user(self, who: int) -> None:
        actor = self.actor(who)
        self.take(self.attempt(lambda: users.create(actor, {"name": f"puppet{next(NEXT)}"})))
        self.check()

    @rule(who=numbers, whom=numbers, verb=st.sampled_from(["reset-password", "enable", "disable"]))
    def verb(self, who: int, whom: int, verb: str) -> None:
        actor, user = self.actor(who), self.one(User, whom)
        done = self.attempt(lambda: core_services.perform(actor, user, verb, {}))
        if done and verb != "disable":
            self.take(done)
        self.check()

    @rule(who=numbers, whom=numbers, name=st.sampled_from(NAMES))
    def rename(self, who: int, whom: int, name: str) -> None:
        actor, user = self.actor(who), self.one(User, whom)
        self.attempt(lambda: users.update(actor, user, {"name": name}))
        self.check()

    @rule(who=numbers, whom=numbers)
    def remove_user(self, who: int, whom: int) -> None:
        actor, user = self.actor(who), self.one(User, whom)
        if user.pk != self.mine[0]:
            self.attempt(lambda: users.delete(actor, user))
            there = {u.pk for u in self.people()}
            self.mine = [pk for pk in self.mine if pk in there]
        self.check()

    @rule(who=numbers, statement=statements())
    def write_policy(self, who: int, statement: dict[str, Any]) -> None:
        actor = self.actor(who)
        data = {"name": f"p{next(NEXT)}", "document": {"Version": "1.1", "Statement": [statement]}}
        self.attempt(lambda: policies.create(actor, data))

    @rule(who=numbers, what=numbers, whom=numbers, kind=kinds)
    def attach(self, who: int, what: int, whom: int, kind: Any) -> None:
        actor, policy, principal = self.actor(who), self.one(Policy, what), self.one(kind, whom)
        if principal is not None:
            self.attempt(lambda: policies.attach(actor, policy, principal))
        self.check()

    @precondition(lambda self: self.all(PolicyAttachment))
    @rule(who=numbers, what=numbers)
    def detach(self, who: int, what: int) -> None:
        actor, row = self.actor(who), self.one(PolicyAttachment, what)
        self.attempt(lambda: policies.detach(actor, row))
        self.check()

    @rule(who=numbers, what=numbers, text=st.lists(statements(), min_size=1, max_size=2))
    def edit(self, who: int, what: int, text: list[dict[str, Any]]) -> None:
        actor, policy = self.actor(who), self.one(Policy, what)
        document = {"Version": "1.1", "Statement": text}
        self.attempt(lambda: policies.update(actor, policy, {"document": document}))
        self.check()

    @rule(who=numbers, what=numbers, number=st.integers(1, 3))
    def restore(self, who: int, what: int, number: int) -> None:
        actor, policy = self.actor(who), self.one(Policy, what)
        self.attempt(lambda: policies.restore(actor, policy, number))
        self.check()

    @rule(who=numbers, what=numbers)
    def remove_policy(self, who: int, what: int) -> None:
        actor, policy = self.actor(who), self.one(Policy, what)
        self.attempt(lambda: policies.delete(actor, policy))
        self.check()

    @rule(who=numbers)
    def make_group(self, who: int) -> None:
        actor = self.actor(who)
        self.attempt(lambda: groups.create(actor, {"name": f"g{next(NEXT)}"}))

    @precondition(lambda self: self.all(Group))
    @rule(who=numbers, what=numbers, whom=numbers, adding=st.booleans())
    def member(self, who: int, what: int, whom: int, adding: bool) -> None:
        actor, group, user = self.actor(who), self.one(Group, what), self.one(User, whom)
        act = groups.add_member if adding else groups.remove_member
        self.attempt(lambda: act(actor, group, user))
        self.check()

    @precondition(lambda self: self.all(Group))
    @rule(who=numbers, what=numbers)
    def remove_group(self, who: int, what: int) -> None:
        actor, group = self.actor(who), self.one(Group, what)
        self.attempt(lambda: groups.delete(actor, group))
        self.check()


@pytest.mark.django_db
def test_nobody_gets_beyond_what_they_held() -> None:
    run_state_machine_as_test(
        Play,
        settings=settings(
            max_examples=30,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

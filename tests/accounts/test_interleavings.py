"""Two people change and use rights at the same moment: what comes out is what one serial order of
their acts gives, so nobody ends with a right that no order gives.

Every example plays two short scripts three ways, each in an account of its own: in every serial
order, and interleaved at a drawn statement.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from accounts.account.services import set_strict_mode
from accounts.group import services as groups
from accounts.group.models import Group, Membership
from accounts.policy import services as policies
from accounts.policy.models import Policy, PolicyAttachment
from accounts.token import services as tokens
from accounts.token.models import ApiToken
from accounts.user import services as users
from accounts.user.models import User
from core import access, services
from core.actor import Actor
from core.errors import AppError
from storage.bucket import services as buckets
from storage.object import services as objects
from storage.object.models import StoredObject
from tests.accounts import make
from tests.threads import Interleaved, run, shared_database

pytestmark = pytest.mark.postgresql

__all__ = ["shared_database"]  # a fixture

MILD = make.statement("Allow", "iam:users:getUser")
EVIL = make.statement("Allow", "obs:*:*", "iam:*:*")
PEOPLE_ADMIN = make.statement(
    "Allow", "iam:users:*", "iam:policies:*", "iam:groups:*", "iam:credentials:*"
)


@dataclass
class World:
    """An account with its main account, an administrator of people, and somebody to act on."""

    root: User
    admin: User
    friend: User
    group: Group
    policy: Policy
    text: dict[str, str]

    def actor(self, who: str) -> Actor:
        """As a request would know them. Raises NotAuthenticated."""
        return tokens.authenticate_bearer(f"Bearer {self.text[who]}")


def world() -> World:
    home = make.account()
    root = make.root_of(home)
    admin, friend = make.user(home, "admin"), make.user(home, "friend")
    make.attach(admin, PEOPLE_ADMIN)
    made = World(
        root, admin, friend, make.group(home, name="g"), make.policy(home, MILD, name="p"), {}
    )
    buckets.create(make.actor(root), {"name": "data"})
    for name, user in (("root", root), ("admin", admin), ("friend", friend)):
        made.text[name] = tokens.create(make.actor(user), "script")[1]
    return made


def _policy(w: World) -> Policy:
    return Policy.objects.unscoped("test").get(pk=w.policy.pk)


def _user(user: User) -> User:
    return User.objects.unscoped("test").select_related("account").get(pk=user.pk)


def _edit(document: dict[str, Any]) -> Callable[[World, Actor], Any]:
    whole = {"Version": "1.1", "Statement": [document]}
    return lambda w, a: policies.update(a, _policy(w), {"document": whole})


def _detach(who: str) -> Callable[[World, Actor], Any]:
    def act(w: World, a: Actor) -> None:
        rows = PolicyAttachment.objects.filter(user=getattr(w, who), policy__name="p")
        for row in rows:
            policies.detach(a, row)

    return act


def _verb(who: str, verb: str) -> Callable[[World, Actor], Any]:
    return lambda w, a: services.perform(a, _user(getattr(w, who)), verb, {})


def _upload(w: World, a: Actor) -> None:
    objects.put_object(a, "data", "k", io.BytesIO(b"x"), size=1)


def _revoke(w: World, a: Actor) -> None:
    for row in ApiToken.objects.filter(user_id=a.user_id, revoked_at=None):
        tokens.revoke(a, row.pk)


ACTS: dict[str, Callable[[World, Actor], Any]] = {
    "edit evil": _edit(EVIL),
    "edit mild": _edit(MILD),
    "attach to admin": lambda w, a: policies.attach(a, _policy(w), _user(w.admin)),
    "attach to friend": lambda w, a: policies.attach(a, _policy(w), _user(w.friend)),
    "attach to group": lambda w, a: policies.attach(a, _policy(w), w.group),
    "detach from admin": _detach("admin"),
    "detach from friend": _detach("friend"),
    "join": lambda w, a: groups.add_member(a, w.group, _user(w.admin)),
    "leave": lambda w, a: groups.remove_member(a, w.group, _user(w.admin)),
    "disable admin": _verb("admin", "disable"),
    "enable admin": _verb("admin", "enable"),
    "reset friend": _verb("friend", "reset-password"),
    "delete friend": lambda w, a: users.delete(a, _user(w.friend)),
    "delete group": lambda w, a: groups.delete(a, Group.objects.unscoped("t").get(pk=w.group.pk)),
    "delete policy": lambda w, a: policies.delete(a, _policy(w)),
    "lax": lambda w, a: set_strict_mode(a, False),
    "make token": lambda w, a: tokens.create(a, "another"),
    "revoke tokens": _revoke,
    "upload": _upload,
}
ASKED = ("obs:object:PutObject", "iam:policies:attachPolicy", "iam:agencies:listAgencies")
Script = tuple[str, list[str]]


def play(w: World, who: str, act: str) -> str:
    """One request: who it is, then the act. By which question it is refused may depend on the
    moment: that somebody is gone is found by their token or by their name."""
    try:
        ACTS[act](w, w.actor(who))
    except (Policy.DoesNotExist, Group.DoesNotExist, User.DoesNotExist, AppError):
        return "refused"
    return "done"


def outcome(w: World) -> dict[str, Any]:
    """What is there in the end, and what the people may do."""
    rows = PolicyAttachment.objects.filter(account_id=w.root.account_id, policy__name="p")
    admin = User.objects.unscoped("test").select_related("account").get(pk=w.admin.pk)
    may = [
        action
        for action in (
            "obs:object:PutObject",
            "iam:policies:attachPolicy",
            "iam:agencies:getAgency",
        )
        if access.decide(make.actor(admin), action).allowed
    ]
    there = Policy.objects.unscoped("test").filter(pk=w.policy.pk)
    live = ApiToken.objects.filter(account_id=w.root.account_id, revoked_at=None)
    return {
        "attached": sorted((str(r.principal), r.policy_name) for r in rows),
        "document": list(there.values_list("document", flat=True)),
        "members": Membership.objects.filter(group=w.group).count(),
        "active": admin.is_active,
        "may": may,
        "users": User.objects.unscoped("t").filter(account=w.root.account_id).count(),
        "tokens": sorted(live.values_list("user__name", flat=True).iterator()),
        "objects": StoredObject.objects.unscoped("t").filter(account=w.root.account_id).count(),
    }


def comparable(w: World, results: list[list[str]]) -> tuple[Any, list[list[str]]]:
    found = outcome(w)
    root = w.root.name  # differs from account to account
    found["tokens"] = ["root" if name == root else name for name in found["tokens"]]
    return found, results


def serial(one: Script, two: Script) -> list[tuple[Any, list[list[str]]]]:
    """The outcome of every order in which both scripts keep their own order."""
    (who1, acts1), (who2, acts2) = one, two
    found = []
    for places in combinations(range(len(acts1) + len(acts2)), len(acts1)):
        w, results = world(), [[], []]  # type: ignore[var-annotated]
        left1, left2 = iter(acts1), iter(acts2)
        for turn in range(len(acts1) + len(acts2)):
            number, who, left = (0, who1, left1) if turn in places else (1, who2, left2)
            results[number].append(play(w, who, next(left)))
        found.append(comparable(w, results))
    return found


def scripts(most: int) -> st.SearchStrategy[Script]:
    acts = st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=most)
    return st.tuples(st.sampled_from(["admin", "admin", "friend", "root"]), acts)


@pytest.fixture
def bytes_beside(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


@given(one=scripts(2), two=scripts(1), at=st.integers(0, 40))
@example(("admin", ["attach to admin"]), ("admin", ["edit evil"]), 8)
@example(("admin", ["edit evil"]), ("admin", ["attach to admin"]), 8)
@example(("admin", ["join"]), ("admin", ["edit evil"]), 8)
@example(("admin", ["upload"]), ("root", ["disable admin"]), 6)
@example(("admin", ["attach to friend"]), ("root", ["disable admin"]), 10)
@example(("admin", ["make token"]), ("root", ["disable admin", "enable admin"]), 6)
@example(("friend", ["leave", "reset friend"]), ("admin", ["delete friend"]), 7)
@hypothesis(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # what is drawn is short already
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_at_the_same_moment_is_one_after_the_other(
    shared_database: None, bytes_beside: None, one: Script, two: Script, at: int
) -> None:
    allowed = run(lambda: serial(one, two))
    w = run(world)
    results = Interleaved(
        lambda: [play(w, one[0], act) for act in one[1]],
        lambda: [play(w, two[0], act) for act in two[1]],
        at,
    ).run()
    assert run(lambda: comparable(w, results)) in allowed

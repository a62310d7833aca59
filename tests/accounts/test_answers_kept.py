"""What a process keeps of its answers is bounded, shares its words and goes with the rights."""

from __future__ import annotations

import pytest

from accounts import principal as kept
from accounts.user.models import User
from core.access import Decision, Target, decide
from core.actor import Actor
from tests.accounts import make
from tests.accounts.make import statement

pytestmark = pytest.mark.django_db

GET = "obs:object:GetObject"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests' principals neither count nor are dropped."""
    monkeypatch.setattr(kept, "_cache", type(kept._cache)())


def reader() -> tuple[User, Actor]:
    owner = make.account()
    user = make.user(owner)
    make.attach(
        user, statement("Allow", "obs:object:*", Resource=["obs:*:*:object:bkt/*"]),
    )  # fmt: skip
    return user, make.actor(user)


def ask(actor: Actor, *paths: str) -> list[Decision]:
    return [decide(actor, GET, Target(actor.account_id, path)) for path in paths]


def paths(count: int, bucket: str = "bkt") -> list[str]:
    return [f"{bucket}/{number}" for number in range(count)]


def of(user: User) -> list[kept.Principal]:
    return [p for p in kept._cache.values() if p.user_id == user.pk]


def test_all_answers_of_a_process_have_one_bound_and_stay_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "ANSWERS", 100)
    monkeypatch.setattr(kept, "COUNT_EVERY", 10)
    crowd = [reader() for _ in range(8)]
    most = 0
    for round_ in range(3):
        for _user, actor in crowd:
            allowed = ask(actor, *paths(20 + round_))
            denied = ask(actor, *paths(5, "other"))
            assert all(decision.allowed for decision in allowed)
            assert not any(decision.allowed for decision in denied)
            most = max(most, kept.answers_kept())
    assert 50 < most <= 110
    assert len(of(crowd[-1][0])[0].memo) > 0  # who asked last still has his
    assert len(of(crowd[0][0])[0].memo) == 0  # who asked longest ago has not


def test_one_principal_has_a_bound_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MEMO_SIZE", 30)
    user, actor = reader()
    ask(actor, *paths(100))
    principal = of(user)[0]
    assert 0 < len(principal.memo) <= 30
    assert len(principal.parts) < 30 * 3 + 30


def test_answers_about_many_objects_share_their_words() -> None:
    user, actor = reader()
    ask(actor, *paths(40))
    (principal,) = of(user)
    assert len(principal.memo) == 40
    assert len({id(decision.trace) for decision in principal.memo.values()}) == 1
    assert len({id(decision.reason) for decision in principal.memo.values()}) == 1
    assert len({decision.id for decision in principal.memo.values()}) == 40
    first, again = ask(actor, "bkt/1", "bkt/1")
    assert first is again


def test_a_change_of_rights_takes_the_place_of_what_was_kept() -> None:
    user, actor = reader()
    for number in range(5):
        assert ask(actor, "bkt/1")[0].allowed
        make.attach(user, statement("Allow", f"modelarts:model:get{number}"))
    make.attach(user, statement("Deny", GET))
    assert not ask(actor, "bkt/1")[0].allowed
    assert len(of(user)) == 1


def test_the_principal_that_asked_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CACHE_SIZE", 2)
    (one, as_one), (two, as_two), (three, as_three) = reader(), reader(), reader()
    ask(as_one, "bkt/1")
    ask(as_two, "bkt/1")
    ask(as_one, "bkt/1")
    ask(as_three, "bkt/1")
    assert [len(of(user)) for user in (one, two, three)] == [1, 0, 1]

"""Few passwords are hashed at once, and who has no turn is told so instead of waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from accounts.signin import hasher
from accounts.signin.models import SignInThrottle
from core.errors import Unavailable
from tests.accounts import make
from tests.accounts.make import PASSWORD

OURS = "accounts.signin.hasher.BoundedArgon2PasswordHasher"
CALLERS = 8


@pytest.fixture
def argon(settings: Any) -> None:
    """The hasher of a real installation."""
    settings.PASSWORD_HASHERS = [OURS]


@pytest.fixture
def no_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All turns are taken and nobody waits."""
    monkeypatch.setattr(hasher, "LONGEST_WAIT", 0)
    for _ in range(hasher.AT_ONCE):
        assert hasher._turns.acquire(blocking=False)
    yield
    for _ in range(hasher.AT_ONCE):
        hasher._turns.release()


def test_it_is_what_runs_outside_tests() -> None:
    assert django_settings.PASSWORD_HASHERS[-2] == OURS


@pytest.mark.parametrize("verb", ["encode", "verify"])
def test_no_more_than_the_bound_run_at_once(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hash waits to be let on, so those that may run at once do."""
    change, let_on = threading.Condition(), threading.Semaphore(0)
    inside = done = most = 0

    def slow(self: Any, password: str, other: str) -> str:
        nonlocal inside, done, most
        with change:
            inside += 1
            most = max(most, inside)
            change.notify_all()
        let_on.acquire()
        with change:
            inside -= 1
            done += 1
            change.notify_all()
        return password

    monkeypatch.setattr(Argon2PasswordHasher, verb, slow)
    monkeypatch.setattr(hasher, "LONGEST_WAIT", 60)
    call = getattr(hasher.BoundedArgon2PasswordHasher(), verb)
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call, str(number), "x") for number in range(CALLERS)]
        for finished in range(CALLERS):
            with change:
                full = min(hasher.AT_ONCE, CALLERS - finished)
                assert change.wait_for(lambda n=finished, m=full: done == n and inside >= m, 60)
            let_on.release()
        assert [found.result() for found in calls] == [str(number) for number in range(CALLERS)]
    assert most == hasher.AT_ONCE


def test_a_turn_is_given_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, password: str, encoded: str) -> bool:
        raise ValueError

    monkeypatch.setattr(Argon2PasswordHasher, "verify", broken)
    monkeypatch.setattr(hasher, "LONGEST_WAIT", 0)
    for _ in range(hasher.AT_ONCE + 1):
        with pytest.raises(ValueError):
            hasher.BoundedArgon2PasswordHasher().verify("x", "y")


@pytest.mark.django_db
class TestNoTurn:
    @pytest.mark.parametrize("user", ["li", "nobody"])
    def test_page_and_api_say_503(self, argon: None, user: str, request: Any) -> None:
        owner = make.account()
        make.user(owner, "li")
        given = {"account": owner.name, "user": user, "password": PASSWORD}
        request.getfixturevalue("no_turn")
        page = Client().post("/sign-in", given)
        assert page.status_code == 503
        assert page["Retry-After"] == str(hasher.RETRY_AFTER)
        assert b"Too many passwords are being checked" in page.content
        called = Client().post("/api/v1/auth/tokens", given, content_type="application/json")
        assert called.status_code == 503
        assert called["Retry-After"] == str(hasher.RETRY_AFTER)
        assert called.json()["error_code"] == "PASSWORDS_BUSY"
        assert called.json()["hint"]

    def test_it_counts_as_no_guess(self, argon: None, request: Any) -> None:
        owner = make.account()
        make.user(owner, "li")
        given = {"account": owner.name, "user": "li", "password": PASSWORD}
        assert Client().post("/sign-in", {**given, "password": "wrong"}).status_code == 401
        before = sorted(SignInThrottle.objects.values_list("key", "failures"))
        request.getfixturevalue("no_turn")
        for _ in range(10):
            assert Client().post("/sign-in", given).status_code == 503
        assert sorted(SignInThrottle.objects.values_list("key", "failures")) == before
        assert not SignInThrottle.objects.filter(blocked_until__isnull=False).exists()

    def test_the_change_of_a_password_waits_as_well(self, argon: None, request: Any) -> None:
        owner = make.account()
        li = make.user(owner, "li")
        request.getfixturevalue("no_turn")
        with pytest.raises(Unavailable):
            li.check_password(PASSWORD)
        with pytest.raises(Unavailable):
            li.set_password(PASSWORD)

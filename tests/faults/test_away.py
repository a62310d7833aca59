"""While the database is away, everything says so with 503 and a time, and returns by itself."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from core import outage
from serving.gateway.protocol import Refusal
from serving.gateway.resolver import DjangoResolver
from tests.storage import people

CURSOR = "django.db.backends.base.base.BaseDatabaseWrapper.cursor"


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


class TestWeb:
    def test_pages_and_calls(
        self, db: None, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = people.root("away")
        bearer = {"Authorization": f"Bearer {people.token(person, dt.timedelta(hours=1))}"}
        people.sign_in(browser, person)
        caller = Client(raise_request_exception=False)
        assert caller.get("/api/v1/me", headers=bearer).status_code == 200
        assert browser.get("/training-jobs").status_code == 200

        def refused(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError("terminating connection due to administrator command")

        with monkeypatch.context() as patch:
            patch.setattr(CURSOR, refused)
            called = caller.get("/api/v1/training-jobs", headers=bearer)
            page = browser.get("/training-jobs")
        assert (called.status_code, called.json()["error_code"]) == (503, "DATABASE_AWAY")
        assert called["Retry-After"] == str(outage.RETRY_AFTER)
        assert called.json()["request_id"]
        assert page.status_code == 503
        assert page["Retry-After"] == str(outage.RETRY_AFTER)
        assert b"does not answer right now" in page.content
        assert b"Traceback" not in page.content
        assert caller.get("/api/v1/me", headers=bearer).status_code == 200, "it returns by itself"
        assert browser.get("/training-jobs").status_code == 200

    def test_a_mistake_stays_a_500(
        self, db: None, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError("no such table: accounts_user")

        with monkeypatch.context() as patch:
            patch.setattr("accounts.middleware.ActorMiddleware.actor", broken)
            seen = browser.get("/api/v1/me")
        assert (seen.status_code, seen.json()["error_code"]) == (500, "INTERNAL")


class TestGateway:
    @pytest.mark.parametrize(
        "error", [OperationalError("Connection refused"), InterfaceError("connection is closed")]
    )
    def test_says_503_and_returns(self, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        gone = [True]

        def resolve(*args: str) -> Any:
            if gone[0]:
                raise error
            return Refusal(404, "NOT_FOUND", "Not found.")

        monkeypatch.setattr("serving.gateway.resolver.resolve", resolve)
        resolver = DjangoResolver()

        def ask() -> Any:
            return asyncio.run(resolver.authorize("x", None, "POST", "r", ""))

        first = ask()
        gone[0] = False
        assert isinstance(first, Refusal)
        assert (first.status, first.error_code) == (503, "DATABASE_AWAY")
        assert first.headers["retry-after"] == str(outage.RETRY_AFTER)
        assert ask().status == 404

    def test_a_mistake_is_not_hidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*args: Any) -> Any:
            raise OperationalError("no such column: x")

        monkeypatch.setattr("serving.gateway.resolver.resolve", resolve)
        with pytest.raises(OperationalError):
            asyncio.run(DjangoResolver().authorize("x", None, "POST", "r", ""))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("database is locked"), "DATABASE_AWAY"),
        (OperationalError("database or disk is full"), "DISK_FULL"),
        (OperationalError("could not extend file: No space left on device"), "DISK_FULL"),
        (OSError(28, "No space left on device"), "DISK_FULL"),
        (OSError(122, "Disk quota exceeded"), "DISK_FULL"),
        (OSError(2, "No such file or directory"), None),
        (OperationalError("no such table: x"), None),
        (ValueError("database is locked"), None),
    ],
)
def test_what_counts_as_away(error: Exception, code: str | None) -> None:
    found = outage.of(error)
    assert (found.code if found else None) == code

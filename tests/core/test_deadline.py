"""A request ends at its deadline, also inside a statement; what it did is undone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client, override_settings

from accounts.group import services as groups
from accounts.group.models import Group
from console.middleware import DeadlineMiddleware
from core import audit, deadline, outage
from tests.doors.world import bearer
from tests.storage import people

pytestmark = pytest.mark.django_db(transaction=True)
ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"


def endless() -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS)


def test_a_statement_without_end_is_interrupted() -> None:
    with (
        pytest.raises(OperationalError) as raised,
        deadline.within(0.3),
        transaction.atomic(),
    ):
        endless()
    found = outage.of(raised.value)
    assert found is not None and found.code == "REQUEST_TOO_LONG"
    with connection.cursor() as cursor:  # the connection works on, without a deadline
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_no_statement_begins_after_the_end() -> None:
    with connection.cursor() as cursor, deadline.within(0.01):
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            assert deadline.left() is not None
        with pytest.raises(deadline.TookTooLong):
            cursor.execute("SELECT 1")


def test_what_is_given_up_is_undone_after_the_end() -> None:
    person = people.root("late")
    with (
        pytest.raises(deadline.TookTooLong),
        deadline.within(0.5),
        transaction.atomic(),
        transaction.atomic(),
    ):
        groups.create(person.actor, {"name": "one"})
        while not deadline.passed():
            pass
        groups.create(person.actor, {"name": "two"})
    assert not Group.objects.unscoped("test").exists()


@pytest.mark.parametrize("key", ["", "once"])
def test_a_request_ends_at_its_deadline_and_changes_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = people.root("late")
    client = Client(headers={"Authorization": f"Bearer {bearer(person)}"})

    def slow(*given: Any, **named: Any) -> Any:
        """The row is written, its transaction not committed."""
        assert Group.objects.unscoped("test").exists()
        endless()

    def post() -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return client.post(
            "/api/v1/groups", {"name": "one"}, content_type="application/json", headers=headers
        )

    with monkeypatch.context() as patch, override_settings(MODELYARD_REQUEST_SECONDS=1.0):
        patch.setattr(audit, "record", slow)
        answer = post()
    assert answer.status_code == 503, answer.content
    assert json.loads(answer.content)["error_code"] == "REQUEST_TOO_LONG"
    assert answer["Retry-After"]
    assert not Group.objects.unscoped("test").exists()
    assert post().status_code == 201


def test_without_a_deadline_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that a view streams has rules of its own; so has a command."""

    class Streams:
        body_streams = True

    seen = []
    middleware = DeadlineMiddleware(lambda request: seen.append(deadline.left()) or None)  # type: ignore[arg-type,return-value,func-returns-value]
    middleware(Streams())  # type: ignore[arg-type]
    assert seen == [None] and deadline.left() is None

"""Whether somebody may call a model is decided without waiting for the database's writer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.token.models import ApiToken
from core.models import AuditRecord
from serving.gateway.protocol import Batch, Refusal, Target
from serving.service.models import Service
from tests.contract.base import bearer
from tests.serving.asked import Asked, in_use
from tests.serving.make import running
from tests.storage.people import Person, root, statement, user

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
NOTHING = Batch(0.0, 1.0, {})


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Somebody else writes: on SQLite the one writer's place is taken, on PostgreSQL the rows."""
    other: Any = connection.copy()  # type: ignore[no-untyped-call]
    other.connect()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if other.vendor == "sqlite" else "BEGIN")
            if other.vendor == "postgresql":
                cursor.execute("SELECT 1 FROM accounts_apitoken FOR UPDATE")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


@pytest.fixture
def owner() -> Person:
    return root("beside-owner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def last_used(text: str) -> object:
    return ApiToken.objects.get(prefix=text[3:15]).last_used_at


def test_a_call_is_allowed_while_somebody_writes(
    asked: Asked, owner: Person, service: Service
) -> None:
    """The first use of a token needs no thread and no writer; it is noted with the next report."""
    asked.warm(service, owner)
    text = bearer(owner)
    with busy():
        assert isinstance(asked(service, text)[0], Target)
        asked.loop.run(asked.resolver.store(NOTHING))  # busy: dropped
    assert asked.in_threads == 0
    assert last_used(text) is None
    assert isinstance(asked(service, text)[0], Target)
    asked.loop.run(asked.resolver.store(NOTHING))
    assert last_used(text) is not None


def test_a_refusal_is_answered_while_somebody_writes(
    asked: Asked, owner: Person, service: Service
) -> None:
    """It goes on record when the writer is free."""
    text = in_use(user(owner, "reader", [statement("Allow", "modelarts:service:get")]))
    free = threading.Event()
    asked.resolver._writer.submit(free.wait, 60)  # as one that waits for the database
    answer = asked(service, text)[0]
    assert isinstance(answer, Refusal) and answer.status == 403
    assert not AuditRecord.objects.filter(result="denied").exists()
    free.set()
    asked.written()
    assert AuditRecord.objects.filter(result="denied").count() == 1


def test_the_api_answers_while_somebody_writes(owner: Person) -> None:
    """The use of its token is noted when that costs nothing."""
    text = bearer(owner)
    client = Client(headers={"Authorization": f"Bearer {text}"})
    with busy():
        assert client.get("/api/v1/me").status_code == 200
    assert last_used(text) is None
    assert client.get("/api/v1/me").status_code == 200
    assert last_used(text) is not None

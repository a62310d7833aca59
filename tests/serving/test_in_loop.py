"""Asked in the event loop: it reads; what writes or waits goes to a thread; nothing is stale."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.token.models import ApiToken
from core import access
from core.models import AuditRecord
from core.prepared import Statement
from serving.gateway.pipeline import pipeline
from serving.gateway.protocol import Refusal, Target
from serving.gateway.reader import reader
from serving.gateway.resolver import ASKED
from serving.service.models import Instance, Service
from tests.contract.base import bearer
from tests.serving.asked import Asked, in_use
from tests.serving.make import running
from tests.storage.people import Person, root, statement, user

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="a pipeline on PostgreSQL")


@pytest.fixture
def owner() -> Person:
    return root("loop-owner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def test_what_only_reads_needs_no_thread(asked: Asked, owner: Person, service: Service) -> None:
    text = asked.warm(service, owner)
    answers = asked(service, text, text, text)
    assert all(isinstance(answer, Target) for answer in answers)
    assert asked.in_threads == 0


def test_all_requests_share_one_connection(asked: Asked, owner: Person, service: Service) -> None:
    def bound() -> Any:
        return asked.reader._driver if asked.reader is not None else asked.pipeline._link

    text = asked.warm(service, owner)
    first = bound()
    asked(service, text, text)
    assert bound() is first is not None


@on_sqlite
def test_the_same_answer_is_not_converted_again(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for every time; only what became of it is kept."""
    text = asked.warm(service, owner)
    asked(service, text)
    converted: list[Any] = []
    original = Statement.rows

    def rows(self: Statement, found: list[Any]) -> list[Any]:
        converted.append(found)
        return original(self, found)

    monkeypatch.setattr(Statement, "rows", rows)
    asked(service, text, text)
    assert converted == []
    Service.objects.unscoped("test").filter(pk=service.pk).update(message="another")
    asked(service, text, text)
    assert len(converted) == 1


def test_the_first_use_of_a_token_needs_no_thread(
    asked: Asked, owner: Person, service: Service
) -> None:
    asked.warm(service, owner)
    assert isinstance(asked(service, bearer(owner))[0], Target)
    assert asked.in_threads == 0


def test_a_denial_is_on_record(asked: Asked, owner: Person, service: Service) -> None:
    text = in_use(user(owner, "reader", [statement("Allow", "modelarts:service:get")]))
    answer = asked(service, text)[0]
    assert isinstance(answer, Refusal)
    assert answer.status == 403
    asked.written()
    denied = AuditRecord.objects.filter(result="denied", action="modelarts:service:infer")
    assert denied.count() == 1


def test_what_changed_meanwhile_holds_for_the_next_request(
    asked: Asked, owner: Person, service: Service
) -> None:
    text = in_use(owner)
    assert isinstance(asked(service, text)[0], Target)
    Service.objects.unscoped("test").filter(pk=service.pk).update(name="renamed", phase="Stopped")
    Instance.objects.all().update(state="Ended")
    gone = asked(service, text)[0]
    assert isinstance(gone, Refusal)
    assert "renamed" in gone.error_msg
    ApiToken.objects.update(revoked_at=timezone.now())
    answer = asked(service, text)[0]
    assert isinstance(answer, Refusal)
    assert answer.status == 401


def test_the_loop_cannot_write(asked: Asked, owner: Person, service: Service) -> None:
    def rename() -> bool:
        with transaction.atomic():
            Service.objects.unscoped("test").filter(pk=service.pk).update(name="written")
        return True

    way = asked.reader or asked.pipeline
    assert way is not None
    assert asked.loop.run(way.ask((), rename)) is None
    service.refresh_from_db()
    assert service.name == "digits"


def test_what_is_no_token_needs_no_thread(asked: Asked, service: Service) -> None:
    for text in ("", "no token", "my_" + "ä" * 12 + "_" + "x" * 43):
        answer = asked(service, text)[0]
        assert isinstance(answer, Refusal)
        assert answer.status == 401
    assert asked.in_threads == 0


@on_sqlite
def test_the_connection_of_a_reader_cannot_write(asked: Asked, service: Service) -> None:
    assert asked.reader is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        asked.reader._open().execute("DELETE FROM serving_service")


@on_sqlite
def test_a_failing_database_is_asked_again_in_a_thread(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise sqlite3.OperationalError("database is locked")

    text = asked.warm(service, owner)
    monkeypatch.setattr(asked.reader, "_open", broken)
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1
    monkeypatch.undo()
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1


@on_sqlite
def test_a_reader_reads_a_file_that_was_replaced(
    asked: Asked, owner: Person, service: Service
) -> None:
    """Its connection is made anew as often as others are."""
    assert asked.reader is not None
    asked.warm(service, owner)
    first = asked.reader._driver
    asked.reader._until = 0
    asked.warm(service, owner)
    assert asked.reader._driver is not first


def test_an_error_on_the_way_to_a_decision_is_no_refusal(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that fails is a no; in the loop it fails where a thread would have waited."""
    text = asked.warm(service, owner)
    decide, failed = access.decide, []

    def broken_once(actor: Any, action: str, target: Any = None, context: Any = None) -> Any:
        if len(failed) < 2:
            failed.append(action)
            return access.Decision(False, action, "error", "it broke")
        return decide(actor, action, target, context)

    monkeypatch.setattr(access, "decide", broken_once)
    assert isinstance(asked(service, text)[0], Target)
    assert (asked.in_threads, len(failed)) == (1, 2)


def test_which_database_is_asked_how(monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(connection._connections[connection._alias])
    mine, other = (reader, pipeline) if connection.vendor == "sqlite" else (pipeline, reader)
    assert type(mine(*ASKED)).__name__.lower() == mine.__name__ and other(*ASKED) is None
    monkeypatch.setattr(real, "vendor", "another")
    assert mine(*ASKED) is other(*ASKED) is None

"""PostgreSQL asked in one round trip: everybody gets his own rows; a thread where it fails."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from accounts import facts
from core import prepared
from core.prepared import NotAnswered, Prepared, answered
from serving.gateway import pipeline as module
from serving.gateway.pipeline import Pipeline
from serving.gateway.protocol import Target
from serving.gateway.resolver import _SERVICE
from serving.service.models import Service
from tests.serving.asked import Asked
from tests.serving.make import running
from tests.storage.people import Person, root
from tests.waiting import until

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own protocol"),
]


_DIVIDES = Prepared(
    lambda pk: (
        Service.objects.unscoped("test")
        .filter(pk=pk)
        .annotate(broken=RawSQL("1 / (length(name) - length(name))", ()))
        .values_list("broken")
    ),
    pk=Service._meta.get_field("id"),
)


@pytest.fixture
def owner() -> Person:
    return root("line-owner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def link(asked: Asked) -> Any:
    """The connection there must be."""
    assert asked.pipeline is not None and asked.pipeline._link is not None
    return asked.pipeline._link


def end_backend(asked: Asked) -> None:
    """What a restart of the server does to the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [link(asked)._pg.backend_pid])


def test_many_at_once_get_their_own_rows(asked: Asked, owner: Person) -> None:
    made = [running(owner.user.account_id, f"service-{n}") for n in range(40)]
    Service.objects.unscoped("test").filter(pk=made[7].pk).update(tags={"ä": ["\\", "'"]})
    missing = uuid.uuid4()

    async def ask() -> list[list[prepared.Row]]:
        asks = [_SERVICE.ask(pk=pk) for pk in (*(one.pk for one in made), missing)]
        found = await asyncio.gather(*(link(asked).ask([one]) for one in asks))
        return [answers[one] for answers, one in zip(found, asks, strict=True)]

    *rows, none = asked.loop.run(ask())
    assert [row[0] for row in rows] == [_SERVICE.row(pk=one.pk) for one in made]
    assert rows[7][0][-1] == {"ä": ["\\", "'"]}
    assert none == []


def test_rights_never_read_before_are_asked_in_a_thread(
    asked: Asked, owner: Person, service: Service
) -> None:
    text = asked.warm(service, owner)
    with transaction.atomic():
        facts.bump(owner.user.account_id)
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1


def test_a_lost_connection_costs_no_request(asked: Asked, owner: Person, service: Service) -> None:
    text = asked.warm(service, owner)
    end_backend(asked)
    assert all(isinstance(answer, Target) for answer in asked(service, *[text] * 5))
    assert asked.in_threads == 5
    asked.loop.run(asked.connected())
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 5


def test_it_is_tried_again_but_not_at_every_request(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []

    def refused(queries: Any) -> Any:
        tries.append(time.monotonic())
        raise OSError("nobody there")

    text = asked.warm(service, owner)
    end_backend(asked)
    monkeypatch.setattr(module, "_connect", refused)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.2)

    def tried() -> bool:
        assert isinstance(asked(service, text)[0], Target)
        return len(tries) >= 3

    until(tried)
    first, second, third = tries
    assert min(second - first, third - second) >= 0.2
    assert asked.in_threads > 3
    monkeypatch.undo()
    asked.loop.run(asked.connected())


def test_a_question_that_fails_does_not_mix_up_the_others(
    asked: Asked, owner: Person, service: Service
) -> None:
    """One request whose second question fails on the server between two that are well."""
    well, bad = _SERVICE.ask(pk=service.pk), _DIVIDES.ask(pk=service.pk)

    async def ask() -> list[Any]:
        one = await asyncio.to_thread(module._connect, [_SERVICE, _DIVIDES])
        one.listen(asyncio.get_running_loop())
        try:
            return await asyncio.gather(
                one.ask([well]), one.ask([well, bad, well]), one.ask([well]), return_exceptions=True
            )
        finally:
            one.close()

    before, failed, after = asyncio.run(ask())
    assert before == after == {well: [_SERVICE.row(pk=service.pk)]}
    assert "division by zero" in str(failed)


def test_an_answer_that_cannot_be_read_costs_no_request(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens while it is read, nobody waits for ever and nobody gets another's rows."""

    def unreadable(self: Any, known: Any, result: Any) -> Any:
        raise ValueError("year is out of range")

    text = asked.warm(service, owner)
    monkeypatch.setattr(module._Link, "_rows", unreadable)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(asked.one(service, text) for _number in range(3)))

    answers = asked.loop.run(asyncio.wait_for(ask(), 60))
    assert all(isinstance(answer, Target) for answer in answers)
    assert asked.in_threads == 3


def test_a_question_that_cannot_be_written_sends_nothing(asked: Asked, service: Service) -> None:
    one = link(asked)
    well, bad = _SERVICE.ask(pk=service.pk), _SERVICE.ask(pk="no id")

    async def ask() -> Any:
        with pytest.raises(ValidationError):
            await one.ask([well, bad])
        return await one.ask([well])

    assert asked.loop.run(ask()) == {well: [_SERVICE.row(pk=service.pk)]}


def test_a_caller_who_leaves_takes_nobodys_answer(
    asked: Asked, owner: Person, service: Service
) -> None:
    one, other = service, running(owner.user.account_id, "other")
    text = asked.warm(one, owner)

    async def ask() -> Any:
        left = asyncio.create_task(asked.one(one, text))
        await asyncio.sleep(0)  # it has asked
        stays = asyncio.create_task(asked.one(other, text))
        left.cancel()
        return await stays

    answer = asked.loop.run(ask())
    assert isinstance(answer, Target) and answer.service_id == str(other.pk)


def test_work_that_asks_more_reaches_no_database(asked: Asked, owner: Person) -> None:
    assert asked.pipeline is not None
    line: Pipeline = asked.pipeline

    async def ask(work: Any) -> Any:
        return await line.ask([], work)

    assert asked.loop.run(ask(lambda: "nothing asked")) == "nothing asked"
    assert asked.loop.run(ask(lambda: Service.objects.unscoped("test").count())) is None
    assert asked.loop.run(ask(lambda: _SERVICE.row(pk=uuid.uuid4()))) is None


def test_an_answer_given_is_for_its_question_alone(service: Service) -> None:
    question = _SERVICE.ask(pk=service.pk)
    with answered({question: [("mine",)]}):
        assert _SERVICE.rows(pk=service.pk) == [("mine",)]
        with pytest.raises(NotAnswered):
            _SERVICE.rows(pk=uuid.uuid4())
        with pytest.raises(NotAnswered):
            _DIVIDES.rows(pk=service.pk)
    assert _SERVICE.rows(pk=service.pk) != [("mine",)]

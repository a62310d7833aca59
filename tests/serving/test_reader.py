"""Asked in the event loop: it reads; what writes or waits goes to a thread; nothing is stale."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from accounts.token.models import ApiToken
from core.models import AuditRecord
from serving.gateway.protocol import Refusal, Target
from serving.gateway.reader import Reader, reader
from serving.gateway.resolver import DjangoResolver
from serving.service.models import Instance, Service
from tests.contract.base import bearer
from tests.serving.make import running
from tests.storage.people import Person, root, statement, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="another database may be waited for"),
]


@pytest.fixture
def owner() -> Person:
    return root("loop-owner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    found = Asked()
    yield found
    found.close()


class Asked:
    """A resolver with a reader, and which requests needed a thread."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.resolver = DjangoResolver(self.reader)
        self.in_threads = 0
        run = self.resolver._run

        async def counted(work: Any) -> Any:
            self.in_threads += 1
            return await run(work)

        self.resolver._run = counted  # type: ignore[method-assign]

    def __call__(self, service: Service, *texts: str) -> list[Target | Refusal]:
        """One answer per token, asked one after the other in a task each, as requests are."""

        async def ask() -> list[Target | Refusal]:
            return [
                await asyncio.create_task(
                    self.resolver.authorize(str(service.pk), f"Bearer {text}", "POST", "r", "::1")
                )
                for text in texts
            ]

        return asyncio.run(ask())

    def close(self) -> None:
        self.resolver._threads.submit(connections.close_all).result()
        self.resolver._threads.shutdown()
        self.reader._context.run(connections.close_all)


def in_use(owner: Person) -> str:
    """A token whose use was noted just now, so that asking with it writes nothing."""
    text = bearer(owner)
    ApiToken.objects.update(last_used_at=timezone.now())
    return text


def test_what_only_reads_needs_no_thread(asked: Asked, owner: Person, service: Service) -> None:
    text = in_use(owner)
    answers = asked(service, text, text, text)
    assert all(isinstance(answer, Target) for answer in answers)
    assert asked.in_threads == 0


def test_all_requests_share_one_connection(asked: Asked, owner: Person, service: Service) -> None:
    text = in_use(owner)
    asked(service, text)
    first = asked.reader._bound
    asked(service, text, text)
    assert asked.reader._bound is first is not None


def test_the_use_of_a_token_is_noted_in_a_thread(
    asked: Asked, owner: Person, service: Service
) -> None:
    text = bearer(owner)
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1
    assert ApiToken.objects.get(prefix=text[3:15]).last_used_at is not None
    asked(service, text)
    assert asked.in_threads == 1


def test_a_denial_is_on_record(asked: Asked, owner: Person, service: Service) -> None:
    text = in_use(user(owner, "reader", [statement("Allow", "modelarts:service:get")]))
    answer = asked(service, text)[0]
    assert isinstance(answer, Refusal)
    assert answer.status == 403
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

    async def ask() -> bool | None:
        return asked.reader.ask(rename)

    assert asyncio.run(ask()) is None
    service.refresh_from_db()
    assert service.name == "digits"


def test_a_failing_database_is_asked_again_in_a_thread(
    asked: Asked, owner: Person, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise DatabaseError("locked")

    text = in_use(owner)
    monkeypatch.setattr(asked.reader, "_bind", broken)
    assert isinstance(asked(service, text)[0], Target)
    assert asked.in_threads == 1


def test_a_reader_is_for_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(reader(), Reader)
    monkeypatch.setattr(type(connection._connections[connection._alias]), "vendor", "postgresql")
    assert reader() is None

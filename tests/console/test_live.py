"""Live streams: what they say, when they end, and that they leave threads for everybody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from accounts import facts
from accounts.session import services as sessions
from accounts.session.models import SignInSession
from accounts.user.models import User
from console.pages import live
from core import services as core_services
from core import states
from registry.model.models import Model
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def owner() -> Person:
    return people.root("liveowner")


@pytest.fixture
def model(owner: Person) -> Model:
    return Model.objects.create(
        account_id=owner.user.account_id,
        region="cn-north-1",
        name="live",
        phase="Published",
        engine="e",
    )


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> threading.BoundedSemaphore:
    made = threading.BoundedSemaphore(1)
    monkeypatch.setattr(live, "_slots", made)
    monkeypatch.setattr(live, "LOOK_EVERY", 0.01)
    return made


def browser(person: Person) -> Client:
    client = Client()
    people.sign_in(client, person)
    return client


def opened(client: Client, model: Model, **headers: str) -> Any:
    return client.get(f"/models/{model.pk}/live", headers=headers)


def test_a_change_is_told_with_an_id_to_resume_from(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    response = opened(browser(owner), model)
    assert response["Content-Type"].startswith("text/event-stream")
    stream = iter(response.streaming_content)
    assert next(stream).startswith(b"retry:")
    first = next(stream)
    assert b"event: changed" in first
    states.transition(model, "Deprecated", actor=owner.actor)
    second = next(stream)
    assert b"event: changed" in second and second != first
    response.close()
    seen = second.split(b"\n")[0].removeprefix(b"id: ").decode()
    states.transition(model, "Published", actor=owner.actor)
    again = opened(browser(owner), model, last_event_id=seen)
    stream = iter(again.streaming_content)
    next(stream)
    assert next(stream).split(b"\n")[0] != f"id: {seen}".encode()
    again.close()


def test_a_right_that_ends_ends_the_stream(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:model:get")])
    response = opened(browser(reader), model)
    stream = iter(response.streaming_content)
    next(stream)
    assert b"changed" in next(stream)
    make.attach(reader.user, people.statement("Deny", "modelarts:model:get"))
    assert next(stream) == b"event: gone\ndata: {}\n\n"
    with pytest.raises(StopIteration):
        next(stream)
    response.close()


def new_password(person: Person) -> None:
    root = User.objects.unscoped("test").get(account=person.user.account_id, is_root=True)
    core_services.perform(Person(root).actor, person.user, "reset-password", {})


def disabled(person: Person) -> None:
    with transaction.atomic():
        User.objects.unscoped("test").filter(pk=person.user.pk).update(is_active=False)
        facts.bump(person.user.account_id)


@pytest.mark.parametrize(
    "leave",
    [
        lambda client, person: client.post("/sign-out"),
        lambda client, person: sessions.end_all(person.user),
        lambda client, person: new_password(person),
        lambda client, person: disabled(person),
    ],
    ids=["signed out", "ended elsewhere", "new password", "disabled"],
)
def test_the_end_of_a_session_ends_the_stream(
    owner: Person,
    model: Model,
    slots: threading.BoundedSemaphore,
    leave: Callable[[Client, Person], Any],
) -> None:
    reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:model:get")])
    client = browser(reader)
    SignInSession.objects.create(user=reader.user, session_key=client.session.session_key)
    response = opened(client, model)
    stream = iter(response.streaming_content)
    next(stream)
    assert b"changed" in next(stream)
    leave(client, reader)
    states.transition(model, "Deprecated", actor=owner.actor)
    assert next(stream) == b"event: gone\ndata: {}\n\n", "and nothing of what moved meanwhile"
    with pytest.raises(StopIteration):
        next(stream)
    response.close()


def test_beyond_the_limit_a_page_is_told_to_poll(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    first = opened(browser(owner), model)
    refused = opened(browser(owner), model)
    assert (refused.status_code, refused.content) == (204, b"")
    first.close()
    third = opened(browser(owner), model)
    assert third.status_code == 200
    third.close()


def test_a_reader_gone_before_the_first_message_gives_the_slot_back_once(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    for _again in range(3):
        response = opened(browser(owner), model)
        assert response.status_code == 200
        response.close()
        response.close()  # a second release would be a ValueError of the bounded semaphore


def test_a_reader_who_went_on_gives_the_slot_back_at_the_next_look(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    here, there = socket.socketpair()
    with here, there:
        client: Any = browser(owner)
        response = client.get(f"/models/{model.pk}/live", **{"gunicorn.socket": here})
        stream = iter(response.streaming_content)
        next(stream)
        assert b"changed" in next(stream)
        there.close()
        with pytest.raises(StopIteration):  # long before there is anything to say
            next(stream)
    response.close()


def test_a_reader_who_is_still_there_keeps_the_stream(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    here, there = socket.socketpair()
    with here, there:
        client: Any = browser(owner)
        response = client.get(f"/models/{model.pk}/live", **{"gunicorn.socket": here})
        stream = iter(response.streaming_content)
        next(stream)
        assert b"changed" in next(stream)
        states.transition(model, "Deprecated", actor=owner.actor)
        assert b"changed" in next(stream)
        response.close()


def test_streams_never_take_every_thread_of_a_process() -> None:
    from core.sizes import Size

    assert 0 < settings.MODELYARD_LIVE_STREAMS < Size().web_threads

"""Live streams: what they say, when they end, and that they leave threads for everybody else."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from console.pages import live
from core import states
from registry.model.models import Model
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_beyond_the_limit_a_page_is_told_to_poll(
    owner: Person, model: Model, slots: threading.BoundedSemaphore
) -> None:
    first = opened(browser(owner), model)
    refused = opened(browser(owner), model)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
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


def test_streams_never_take_every_thread_of_a_process() -> None:
    from console.supervisor.programs import Size

    assert 0 < settings.MODELYARD_LIVE_STREAMS < Size().web_threads

"""The call behind the Predict tab ends, and there are only so many of it."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.conf import settings as configured

from serving.service import pass_on, relay
from serving.service.models import Service
from tests.serving.make import in_place_of_the_gateway, running, send_picture
from tests.storage import people
from tests.storage.people import Person

PIECES = 300
EVERY = 0.02  # seconds between two of them


class Trickle(BaseHTTPRequestHandler):
    """Sends a byte now and then, until nobody takes it."""

    under_way: list[int] = []
    endless = True
    stop = threading.Event()
    cut = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.under_way.append(relay.calls.under_way())
        self.send_response(200)
        self.send_header("Content-Length", str(PIECES if self.endless else 1))
        self.end_headers()
        try:
            for _ in range(PIECES if self.endless else 1):
                self.wfile.write(b"x")
                self.stop.wait(EVERY)
        except OSError:
            self.cut.set()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def address(settings: Any) -> Iterator[None]:
    Trickle.under_way, Trickle.endless = [], True
    Trickle.cut.clear()
    with in_place_of_the_gateway(Trickle, settings):
        yield


@pytest.fixture
def owner(db: None) -> Person:
    return people.root("limitowner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def test_an_answer_that_trickles_is_cut(owner: Person, service: Service, settings: Any) -> None:
    settings.PREDICT_SECONDS = 10 * EVERY
    answer = send_picture(owner, service)
    said = answer.json()
    assert (answer.status_code, said["error_code"]) == (504, "ANSWER_TOO_LATE")
    assert "0.2 s" in said["error_msg"] and "gateway" in said["hint"]
    assert Trickle.cut.wait(300)
    assert (Trickle.under_way, relay.calls.under_way()) == ([1], 0)


@pytest.mark.parametrize(
    ("mine", "others", "status", "code"),
    [(2, 0, 429, "TOO_MANY_REQUESTS"), (1, 2, 503, "TOO_MANY_CALLS"), (1, 1, 200, "")],
)
def test_beyond_the_limit_nothing_is_sent_and_the_page_says_why(
    owner: Person, service: Service, settings: Any, mine: int, others: int, status: int, code: str
) -> None:
    settings.PREDICT_CALLS_PER_USER, settings.MODELYARD_PREDICT_CALLS = 2, 3
    Trickle.endless = False
    users = [owner.user.pk] * mine + [uuid.uuid4() for _ in range(others)]
    with contextlib.ExitStack() as held:
        for user in users:
            held.enter_context(relay.calls.one(user))
        answer = send_picture(owner, service)
        assert answer.status_code == status
        if code:
            assert answer.json()["error_code"] == code and answer["Retry-After"]
            assert "what you entered is still here" in answer.json()["hint"]
    assert len(Trickle.under_way) == (0 if code else 1)
    assert relay.calls.under_way() == 0
    assert send_picture(owner, service).status_code == 200


def test_streams_and_calls_leave_threads_for_requests() -> None:
    from core.sizes import Size

    held = configured.MODELYARD_LIVE_STREAMS + configured.MODELYARD_PREDICT_CALLS
    assert held < Size().web_threads


def test_a_call_has_more_time_than_the_gateway_takes_and_its_bearer_lasts_longer() -> None:
    assert 60 < configured.PREDICT_SECONDS < pass_on.SECONDS

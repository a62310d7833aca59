"""The call behind the Predict tab: as this user, to the gateway's own address, and back as data."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from serving.service import pass_on, relay
from serving.service.calls import MAX_BODY
from serving.service.models import Service
from tests.serving.make import in_place_of_the_gateway, running, send_picture
from tests.storage import people
from tests.storage.people import Person


class Gateway(BaseHTTPRequestHandler):
    """Answers like a hostile model: with a page."""

    seen: list[tuple[str, str, bytes]] = []
    status = 200
    length: int | None = None
    body = b"<script>steal()</script>"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("X-Accel-Redirect", "/static/app.js")
        self.send_header("Cache-Control", "public")
        self.send_header("Set-Cookie", "sessionid=x")
        self.send_header("Refresh", "0; url=/")
        if self.length is not None:
            self.send_header("Content-Length", str(self.length))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address(settings: Any) -> Iterator[str]:
    Gateway.seen = []
    with in_place_of_the_gateway(Gateway, settings) as where:
        yield where


@pytest.fixture
def owner(db: None) -> Person:
    return people.root("predictowner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def test_the_answer_is_data_whatever_it_says_it_is(
    owner: Person, service: Service, address: str
) -> None:
    answer = send_picture(owner, service)
    assert (answer.status_code, answer.content) == (200, b"<script>steal()</script>")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_of_the_headers_only_the_type_is_passed_on(
    owner: Person, service: Service, address: str
) -> None:
    answer = send_picture(owner, service)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/html", "private, no-store")
    assert "X-Accel-Redirect" not in answer and "Refresh" not in answer
    assert "x" not in [one.value for one in answer.cookies.values()]


@pytest.mark.parametrize("status", [101, 199, 600, 999])
def test_a_status_that_ends_no_request_is_502(
    owner: Person, service: Service, address: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "status", status)
    answer = send_picture(owner, service)
    assert (answer.status_code, answer.json()["error_code"]) == (502, "BAD_ANSWER")
    assert str(status) in answer.json()["error_msg"]


def test_an_answer_that_breaks_off_is_not_passed_on_as_whole(
    owner: Person, service: Service, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "length", 4000)
    answer = send_picture(owner, service)
    assert (answer.status_code, answer.json()["error_code"]) == (502, "ANSWER_CUT")
    assert "after 24 of 4,000 bytes" in answer.json()["error_msg"]


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 502)])
def test_an_answer_larger_than_a_page_shows_is_refused(
    owner: Person,
    service: Service,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    status: int,
) -> None:
    monkeypatch.setattr(Gateway, "body", bytes(MAX_BODY + more))
    answer = send_picture(owner, service)
    assert answer.status_code == status
    if more:
        assert answer.json()["error_code"] == "ANSWER_TOO_LARGE"
        assert "12 MiB" in answer.json()["error_msg"] and "script" in answer.json()["hint"]
    else:
        assert len(answer.content) == MAX_BODY


def test_the_gateway_is_told_who_calls(owner: Person, service: Service, address: str) -> None:
    send_picture(owner, service)
    [(path, bearer, body)] = Gateway.seen
    assert (path, body) == (f"/v1/infers/{service.pk}/", b"picture")
    found = pass_on.read(bearer.removeprefix("Bearer "), str(service.pk))
    assert found is not None and found[0] == owner.user.pk
    assert pass_on.read(bearer.removeprefix("Bearer "), str(uuid.uuid4())) is None


def test_a_package_with_its_own_server_is_asked_on_its_own_path(
    owner: Person, service: Service, address: str
) -> None:
    service.config = {"model_type": "Custom", "apis": [{"method": "POST", "url": "/v1/sum"}]}
    service.save(update_fields=["config"])
    send_picture(owner, service)
    assert [path for path, _bearer, _body in Gateway.seen] == [f"/v1/infers/{service.pk}/v1/sum"]


def test_without_the_right_nothing_is_sent(owner: Person, service: Service, address: str) -> None:
    reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:service:get")])
    assert send_picture(reader, service).status_code == 403
    assert Gateway.seen == []


@pytest.mark.parametrize(
    ("url", "kind", "host", "port"),
    [
        ("https://models.example", http.client.HTTPSConnection, "models.example", 443),
        ("https://models.example:8443", http.client.HTTPSConnection, "models.example", 8443),
        ("http://127.0.0.1:8001", http.client.HTTPConnection, "127.0.0.1", 8001),
    ],
)
def test_an_address_behind_tls_is_called_with_tls(
    url: str, kind: type[http.client.HTTPConnection], host: str, port: int
) -> None:
    connection = relay.gateway(url)
    assert (type(connection), connection.host, connection.port) == (kind, host, port)

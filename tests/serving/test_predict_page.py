"""The call behind the Predict tab: as this user, to the gateway's own address, and back as data."""

from __future__ import annotations

import http.client
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client

from serving.service import pass_on, relay
from serving.service.models import Service
from tests.serving.make import running
from tests.storage import people
from tests.storage.people import Person


class Gateway(BaseHTTPRequestHandler):
    """Answers like a hostile model: with a page."""

    seen: list[tuple[str, str, bytes]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("X-Accel-Redirect", "/static/app.js")
        self.send_header("Cache-Control", "public")
        self.send_header("Set-Cookie", "sessionid=x")
        self.send_header("Refresh", "0; url=/")
        self.end_headers()
        self.wfile.write(b"<script>steal()</script>")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address(settings: Any) -> Iterator[str]:
    Gateway.seen = []
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
        yield settings.GATEWAY_URL
        server.shutdown()
        thread.join()


@pytest.fixture
def owner(db: None) -> Person:
    return people.root("predictowner")


@pytest.fixture
def service(owner: Person) -> Service:
    return running(owner.user.account_id)


def send(who: Person, service: Service) -> Any:
    client = Client()
    people.sign_in(client, who)
    url = f"/services/{service.pk}/x/predict-call"
    return client.put(url, b"picture", content_type="application/octet-stream")


def test_the_answer_is_data_whatever_it_says_it_is(
    owner: Person, service: Service, address: str
) -> None:
    answer = send(owner, service)
    assert (answer.status_code, answer.content) == (200, b"<script>steal()</script>")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_of_the_headers_only_the_type_is_passed_on(
    owner: Person, service: Service, address: str
) -> None:
    answer = send(owner, service)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/html", "private, no-store")
    assert "X-Accel-Redirect" not in answer and "Refresh" not in answer
    assert "x" not in [one.value for one in answer.cookies.values()]


@pytest.mark.parametrize("status", [101, 199, 600, 999])
def test_a_status_that_ends_no_request_is_502(
    owner: Person, service: Service, address: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "status", status)
    answer = send(owner, service)
    assert (answer.status_code, answer.json()["error_code"]) == (502, "BAD_ANSWER")
    assert str(status) in answer.json()["error_msg"]


def test_the_gateway_is_told_who_calls(owner: Person, service: Service, address: str) -> None:
    send(owner, service)
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
    send(owner, service)
    assert [path for path, _bearer, _body in Gateway.seen] == [f"/v1/infers/{service.pk}/v1/sum"]


def test_without_the_right_nothing_is_sent(owner: Person, service: Service, address: str) -> None:
    reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:service:get")])
    assert send(reader, service).status_code == 403
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

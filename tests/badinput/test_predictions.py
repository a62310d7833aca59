"""Calls to the gateway that nobody should send, over raw sockets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.badinput.served import Served, Wire, request

pytestmark = pytest.mark.slow
SERVICE = """
import sys
from accounts.account.models import Account
from serving.service.models import Service
made = Service.objects.create(
    account=Account.objects.get(name="acme"), region="cn-north-1", name="digits",
    phase="Stopped", model_label="m", engine="e", model_account_id="1",
    flavor="modelyard.cpu.1u")
sys.stdout.write("MADE " + str(made.pk))
"""
PICTURES = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served") / "var")
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(served: Served) -> str:
    told = served.manage("shell", "--verbosity", "0", "--command", SERVICE)
    return str(uuid.UUID(told.partition("MADE ")[2].strip()))


@pytest.fixture
def wire(served: Served) -> Iterator[Wire]:
    made = Wire(served.gateway_port)
    yield made
    made.close()


def ask(served: Served, data: bytes) -> tuple[int, dict[str, str], Any]:
    wire = Wire(served.gateway_port)
    try:
        wire.send(data)
        status, headers, body = wire.answer()
        return status, headers, json.loads(body)
    finally:
        wire.close()


def without_id(answer: tuple[int, dict[str, str], Any]) -> Any:
    status, headers, body = answer
    headers = {k: v for k, v in headers.items() if k not in ("date", "x-request-id")}
    return status, headers, {k: v for k, v in body.items() if k != "request_id"}


def test_anothers_service_is_as_unknown_as_a_random_one(served: Served, service: str) -> None:
    told = served.bearers["other"]
    theirs = ask(served, request("POST", f"/v1/infers/{service}/", told, b"{}"))
    for one in (uuid.uuid4(), "x", "..", "%2e%2e", "%00", "a" * 150, service.replace("-", "x")):
        assert without_id(ask(served, request("POST", f"/v1/infers/{one}/", told, b"{}"))) == (
            without_id(theirs)
        ), one
    assert theirs[0] == 404


def test_the_owner_is_told_that_nothing_runs(served: Served, service: str) -> None:
    status, headers, body = ask(
        served, request("POST", f"/v1/infers/{service}/", served.bearers["acme"], b"{}")
    )
    assert (status, body["error_code"]) == (503, "NO_READY_INSTANCE")
    assert "digits" in body["error_msg"] and headers["retry-after"]


@pytest.mark.parametrize(
    "bearer", ["", "x", "my_x_y", "page_x", "page_" + "x" * 4000, "my_" + "é" * 40, "\x80\xff"]
)
def test_tokens_that_are_none(served: Served, service: str, bearer: str) -> None:
    status, headers, body = ask(served, request("POST", f"/v1/infers/{service}/", bearer, b"{}"))
    assert status == 401 and headers["www-authenticate"].startswith("Bearer")
    assert body["error_code"] and body["error_msg"]


@pytest.mark.parametrize(
    "target",
    ["/", "/v1", "/v1/infers", "/v1/infers/", "/v2/infers/x/", "/%2e%2e/", "*", "/healthz/x"],
)
def test_addresses_that_are_none(served: Served, target: str) -> None:
    status, _headers, body = ask(served, request("POST", target, served.bearers["acme"], b"{}"))
    assert (status, body["error_code"]) == (404, "NOT_FOUND")
    assert "/v1/infers/" in body["error_msg"]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
        b"POST /v1/infers/x/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/infers/x/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
)
def test_junk_ends_the_connection_and_nothing_else(served: Served, wire: Wire, junk: bytes) -> None:
    try:
        wire.send(junk)
        assert 400 <= wire.answer()[0] < 500
        assert wire.closed()
    except ConnectionError:
        pass  # closed while we were still sending: as good as a refusal
    assert ask(served, request("GET", "/healthz"))[0] == 200


def test_pipelined_requests_are_answered_in_turn_until_the_junk(
    served: Served, wire: Wire, service: str
) -> None:
    good = request("POST", f"/v1/infers/{service}/", served.bearers["other"], b"{}")
    wire.send(good + request("GET", "/healthz"))
    assert [wire.answer()[0] for _n in range(2)] == [404, 200]
    wire.send(b"junk\r\n\r\n")
    assert wire.answer()[0] == 400
    assert wire.closed()


def test_a_body_that_is_cut_or_refused(served: Served, service: str) -> None:
    """Half a picture and then silence from the caller; 50 MB to a service that is not there."""
    wire = Wire(served.gateway_port)
    target = f"/v1/infers/{service}/"
    wire.send(
        request("POST", target, served.bearers["acme"], b"--b\r\n", Content_Length="5000",
                Content_Type=PICTURES)
    )  # fmt: skip
    wire.close()
    big = request("POST", target, served.bearers["acme"], b"x" * 50_000_000)
    status, _headers, body = ask(served, big)
    assert (status, body["error_code"]) == (503, "NO_READY_INSTANCE")
    assert ask(served, request("GET", "/healthz"))[0] == 200


def test_the_gateways_log_has_no_errors_of_ours(served: Served) -> None:
    log = served.log("gateway")
    assert "Traceback" not in log, log[-3000:]
    assert "failed inside the gateway" not in log

"""Where a request comes from is believed of the proxies that the operator named, of nobody else.

Through the web server as the supervisor starts it: what a header may do is decided there first.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts.actors import client_ip, is_loopback
from console.settings.env import BadVariable, Env
from core.sizes import Size
from ops.supervisor import ports
from ops.supervisor.programs import web
from tests.serving.gateway import GOOD, House, call
from tests.waiting import until

PROJECT = Path(__file__).parents[2]
LIES = {
    "SCRIPT_NAME": "/elsewhere", "Script-Name": "/elsewhere", "PATH_INFO": "/admin",
    "X-Script-Name": "/elsewhere", "Remote-User": "root", "REMOTE_USER": "root",
    "X-Forwarded-For": "203.0.113.5", "X_Forwarded_For": "203.0.113.6",
    "X-Forwarded-Proto": "https", "X-Forwarded-Protocol": "ssl", "X-Forwarded-Ssl": "on",
    "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "444",
    "X-Forwarded-Prefix": "/elsewhere", "Forwarded": "for=203.0.113.7;proto=https",
    "X-Real-IP": "203.0.113.8", "X_Real_IP": "203.0.113.9", "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
}  # fmt: skip
WORDS = ("elsewhere", "203.0.113", "evil", "444", "admin", "for=")


@contextlib.contextmanager
def serving(proxies: str) -> Iterator[int]:
    port = ports.choose()
    argv = list(web("127.0.0.1", port, Size(1, 1, 1)).argv)
    argv[argv.index("console.wsgi:application")] = "tests.doors.told:application"
    env = {**os.environ, "MODELYARD_TEST_PROXIES": proxies}
    server = subprocess.Popen([sys.executable, *argv[1:]], cwd=PROJECT, env=env)
    try:
        until(lambda: answers(port))
        yield port
    finally:
        server.terminate()
        server.wait(300)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def told(port: int, headers: dict[str, str]) -> dict[str, Any]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=300) as line:
        line.sendall(f"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])  # type: ignore[no-any-return]


def test_what_a_stranger_says_is_not_passed_on() -> None:
    """Also on loopback, which the web server would believe by itself."""
    with serving("") as port:
        for headers in (LIES, {f"{k}": v for k, v in LIES.items() if "_" not in k}):
            seen = told(port, headers)
            lies = {k: v for k, v in seen.items() if any(word in str(v) for word in WORDS)}
            assert lies == {}
            assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("", "/page")
            assert seen["wsgi.url_scheme"] == "http"
            assert "REMOTE_USER" not in seen and "HTTP_REMOTE_USER" not in seen
            assert seen["modelyard.forwarded"] is True
        assert "modelyard.forwarded" not in told(port, {"X-Custom": "1"})


def test_of_a_trusted_proxy_two_headers_are_read() -> None:
    with serving("127.0.0.0/8") as port:
        seen = told(port, LIES)
    assert seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.5"
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    left = {k: v for k, v in seen.items() if any(word in str(v) for word in WORDS)}
    assert set(left) == {"HTTP_X_FORWARDED_FOR"}
    assert seen["SCRIPT_NAME"] == ""


def test_the_console_serves_behind_it(client: Client) -> None:
    from console.wsgi import application

    assert type(application).__name__ == "Believing"


@pytest.mark.parametrize(
    ("trusted", "chain", "address"),
    [
        ((), "203.0.113.1", "127.0.0.1"),
        (("10.0.0.1",), "203.0.113.1", "127.0.0.1"),
        (("127.0.0.1",), "1.1.1.1, 203.0.113.1", "203.0.113.1"),
        (("127.0.0.1", "10.0.0.0/8"), "1.1.1.1, 203.0.113.1, 10.2.3.4", "203.0.113.1"),
        (("127.0.0.1",), "203.0.113.1, no address", "127.0.0.1"),
    ],
)
def test_the_address_that_django_sees(
    settings: Any, trusted: tuple[str, ...], chain: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    request = RequestFactory(headers={"X-Forwarded-For": chain}).get("/")
    assert client_ip(request) == address


def test_who_came_through_a_proxy_is_not_this_machine(settings: Any) -> None:
    """Also when that proxy is not trusted, so that its header is gone."""
    factory = RequestFactory()
    assert is_loopback(factory.get("/"))
    assert not is_loopback(factory.get("/", **{"modelyard.forwarded": True}))


def test_a_model_hears_no_callers_word_about_proxies(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        house.route(house.instance("a"))
        status, _, body = call(house.url, headers={**GOOD, **LIES, "X-Custom": "kept"})
    finally:
        house.close()
    names = [name for name, _ in json.loads(body)["headers"]]
    assert status == 200 and "x-custom" in names
    assert not {name.lower() for name in LIES} & set(names)


def test_the_setting_takes_addresses_and_networks() -> None:
    env = Env({"A": "10.0.0.7, 10.1.0.0/16,::1", "B": "proxy.example", "C": "10.0.0.1/8"})
    assert env.networks("A") == ("10.0.0.7", "10.1.0.0/16", "::1")
    assert env.networks("D", ("::1",)) == ("::1",)
    for name in ("B", "C"):
        with pytest.raises(BadVariable, match="networks"):
            env.networks(name)

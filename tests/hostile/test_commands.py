"""Packages that bring their own server: where it listens, how it ends, and what is read then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.service.models import Service
from tests.hostile.house import escaped
from tests.hostile.shop import Shop, failed
from tests.hostile.test_services import too_late

#: a server of the standard library: HOST and PORT stand for where it listens
SERVER = """
import json, os, signal, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"path": self.path})
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        self.answer({"path": self.path, "sent": sent, "headers": sorted(self.headers.keys())})
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

print("starting", os.getcwd(), os.environ["PORT"], flush=True)
"""
LISTEN = "ThreadingHTTPServer((HOST, PORT), Handler).serve_forever()\n"
GOOD = SERVER + LISTEN.replace("HOST", "''").replace("PORT", "int(os.environ['PORT'])")
APIS = [
    {
        "url": "/v1/predict",
        "request": {
            "Content-type": "application/json",
            "data": {"type": "object", "properties": {"x": {"type": "integer"}}},
        },
        "response": {"Content-type": "application/json", "data": {"required": ["sent"]}},
    }
]


def server(host: str, port: int) -> str:
    """A program that listens there."""
    return SERVER + LISTEN.replace("HOST", repr(host)).replace("PORT", str(port))


def proved(shop: Shop, service: Service, shown: dict[str, Any], *texts: str) -> None:
    """The proof stands in the API's document and on the page."""
    page = shop.house.page(f"/services/{service.pk}")
    for text in texts:
        assert text in json.dumps(shown["detail"]["proof"])
        assert escaped(text) in page
    assert escaped(shown["detail"]["next"]) in page
    assert escaped(shown["message"]) in page


def test_custom_command_serves_through_the_gateway(shop: Shop) -> None:
    """Path, query and body arrive; the platform's credential does not."""
    service = shop.until(
        shop.command(GOOD, apis=APIS, health={"url": "/healthz"}, port=9123), "Running"
    )
    instances = shop.house.api(f"/services/{service.pk}/instances")["items"]
    assert "INSTANCE_READY" in shop.house.events(service)
    assert instances[0]["state"] == "Ready"
    assert "POST /v1/predict" in shop.house.page(f"/services/{service.pk}/activity")
    said = shop.call(service, {"x": 7}, path="/v1/predict")
    assert (said.status, said.json["path"], said.json["sent"]) == (200, "/v1/predict", {"x": 7})
    assert "authorization" not in {name.lower() for name in said.json["headers"]}
    assert shop.call(service, path="/else/where").json["path"] == "/else/where"
    page = shop.house.page(f"/services/{service.pk}")
    assert "python serve.py" in page and "9123" in page
    assert f"/v1/infers/{service.pk}/v1/predict" in shop.house.page(
        f"/services/{service.pk}/predict"
    )
    model = shop.house.page(f"/models/{service.model_id}")
    for text in ("python serve.py", "9123", "/healthz"):
        assert text in model
    shop.stop(service)
    shop.house.nothing_left(service)


def test_a_command_without_apis_is_ready_when_it_listens(shop: Shop) -> None:
    """The skipped example request is said, not silent."""
    service = shop.until(shop.command(GOOD), "Running")
    events = shop.house.page(f"/services/{service.pk}/activity")
    assert "only its health was checked" in events
    assert shop.call(service, {"x": 1}).json["sent"] == {"x": 1}
    shop.stop(service)


def test_listens_on_another_port(shop: Shop) -> None:
    service = shop.until(shop.command(server("0.0.0.0", 8000)), "Failed")
    shown = failed(shop.house, service, "PORT_CLOSED", "Listens on 8000, declared 8080.")
    proved(shop, service, shown, "0.0.0.0:8000", "8080")
    assert shown["detail"]["proof"]["listening"] == ["0.0.0.0:8000"]
    assert "Use 8000" in shown["detail"]["next"]
    assert len(shop.rows(service)) == 1, "what is certain is not tried again"
    said = shop.call(service)
    assert (said.status, said.json["error_code"]) == (503, "NO_READY_INSTANCE")


def test_listens_on_another_port_of_localhost(shop: Shop) -> None:
    service = shop.until(shop.command(server("127.0.0.1", 9000), port=9001), "Failed")
    shown = failed(shop.house, service, "PORT_CLOSED", "Listens on 9000, declared 9001.")
    proved(shop, service, shown, "127.0.0.1:9000")


def test_listens_on_localhost_only(shop: Shop) -> None:
    service = shop.until(shop.command(server("127.0.0.1", 8080)), "Failed")
    shown = failed(shop.house, service, "LISTEN_LOCALHOST", "127.0.0.1:8080", "Bind to 0.0.0.0.")
    proved(shop, service, shown, "127.0.0.1:8080")
    assert "--host 0.0.0.0" in shown["detail"]["next"]
    assert len(shop.rows(service)) == 1


@pytest.mark.parametrize("address", ["127.0.0.2", "127.9.9.9"])
def test_listens_on_another_loopback_address(shop: Shop, address: str) -> None:
    """Not even the one the platform asks on passes for every address."""
    service = shop.until(shop.command(server(address, 8080)), "Failed")
    failed(shop.house, service, "LISTEN_LOCALHOST", f"{address}:8080")


def test_listens_on_every_address_of_ipv6(shop: Shop) -> None:
    """Some servers bind to :: alone, without IPv4."""
    program = SERVER + (
        "class Six(ThreadingHTTPServer):\n"
        "    address_family = socket.AF_INET6\n"
        "    def server_bind(self):\n"
        "        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\n"
        "        self.socket.bind(self.server_address)\n"
        "        self.server_name, self.server_port = '::', 8080\n"
        "Six(('::', 8080), Handler).serve_forever()\n"
    )
    service = shop.until(shop.command(program), "Running")
    assert shop.call(service, {"x": 1}).status == 200
    shop.stop(service)


def test_a_helper_on_another_port_is_no_proof(shop: Shop) -> None:
    """A server that is still loading may have opened a port of its own that speaks no HTTP."""
    program = (
        SERVER
        + (
            "helper = socket.create_server(('127.0.0.1', 29500))\n"
            "helper.settimeout(30)\n"
            "first = helper.accept()[0]\n"  # asked once whether it speaks HTTP
            "first.sendall(b'no http\\n')\n"
            "first.close()\n"
            "print('asked', flush=True)\n"
        )
        + GOOD.replace(SERVER, "")
    )
    service = shop.until(shop.command(program), "Running")
    assert "asked" in shop.house.log(service)
    assert len(shop.rows(service)) == 1
    shop.stop(service)


def test_custom_command_listens_on_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of the deployment ends it, with the port that was tried."""
    service = shop.command(SERVER + "while True: time.sleep(1)\n")
    service = shop.house.until(service, lambda row: "Nothing listens" in row.message)
    assert shop.house.api(f"/services/{service.pk}")["message"] == "Nothing listens on port 8080."
    too_late(service, monkeypatch)
    service = shop.until(service, "Failed")
    shown = failed(
        shop.house, service, "HEALTH_STARTUP", "within 0 s", "Nothing listens on port 8080."
    )
    proved(shop, service, shown, "127.0.0.2:8080")
    assert shown["detail"]["proof"]["listening"] == []


def test_health_check_never_answers_well(shop: Shop) -> None:
    """As many failures as config.json allows, then the last answer: status, body, time, port."""
    program = GOOD.replace(
        '        self.answer({"path": self.path})\n', "        self.send_error(500, 'no weights')\n"
    )
    health = {
        "url": "/healthz",
        "initial_delay_seconds": 0,
        "period_seconds": 1,
        "failure_threshold": 1,
    }
    service = shop.until(shop.command(program, health=health), "Failed")
    shown = failed(
        shop.house, service, "HEALTH_STARTUP", "GET /healthz on port 8080 answered 500 after"
    )
    proved(shop, service, shown, "answered 500", "no weights")


def test_health_check_that_trickles_is_cut(shop: Shop) -> None:
    program = (
        "import socket, time\n"
        "s = socket.create_server(('', 8080))\n"
        "while True:\n"
        "    c = s.accept()[0]\n"
        "    try:\n"
        "        while True: c.sendall(b'H'); time.sleep(0.1)\n"
        "    except OSError: pass\n"
    )
    health = {
        "url": "/h",
        "initial_delay_seconds": 0,
        "period_seconds": 1,
        "timeout_seconds": 1,
        "failure_threshold": 1,
    }
    service = shop.until(shop.command(program, health=health), "Failed")
    assert service.reason == "HEALTH_STARTUP"
    assert "GET /h on port 8080" in service.message


def test_custom_command_exits(shop: Shop) -> None:
    service = shop.until(shop.command("print('no licence')\nraise SystemExit(3)\n"), "Failed")
    shown = failed(shop.house, service, "USER_CODE", "exit code 3")
    assert shown["detail"]["exit_code"] == 3
    assert any("no licence" in line for line in shown["detail"]["log_tail"])
    assert len(shop.rows(service)) == 3


def test_custom_command_raises(shop: Shop) -> None:
    service = shop.until(shop.command("import os\nopen('weights.bin')\n"), "Failed")
    failed(shop.house, service, "USER_CODE", "FileNotFoundError", "(serve.py:2)")


def test_custom_command_needs_a_missing_package(shop: Shop) -> None:
    service = shop.until(shop.command("import vllm\n"), "Failed")
    failed(shop.house, service, "NO_MODULE", "vllm")


def test_custom_command_ends_without_an_error(shop: Shop) -> None:
    """A server that puts itself into the background has ended."""
    program = SERVER + "if os.fork() == 0:\n    " + LISTEN.replace("HOST, PORT", "'', 8080")
    service = shop.until(shop.command(program), "Failed")
    shown = failed(shop.house, service, "SERVICE_EXITED", "exit code 0")
    assert "foreground" in shown["detail"]["next"]


def test_custom_command_uses_more_memory_than_its_flavor(shop: Shop) -> None:
    program = "held = []\nwhile True: held.append(bytearray(b'x' * (8 << 20)))\n"
    service = shop.until(shop.command(program, flavor=shop.house.flavor(memory_mb=192)), "Failed")
    failed(shop.house, service, "OOM_HOST")


def test_command_not_found(shop: Shop) -> None:
    service = shop.until(shop.command("", command=["vllm", "serve", "."]), "Failed")
    shown = failed(shop.house, service, "COMMAND_NOT_FOUND", "`vllm`")
    assert "engine" in shown["detail"]["next"]
    assert len(shop.rows(service)) == 1


def test_command_that_is_a_file_of_the_package_without_its_place(shop: Shop) -> None:
    service = shop.until(shop.command("", command=["serve.py"]), "Failed")
    shown = failed(shop.house, service, "COMMAND_NOT_FOUND", "`serve.py`")
    assert "`./serve.py`" in shown["detail"]["next"]


def test_command_that_cannot_be_run(shop: Shop) -> None:
    service = shop.until(shop.command("no script", command=["./serve.py"]), "Failed")
    shown = failed(shop.house, service, "COMMAND_NOT_EXECUTABLE", "`./serve.py`")
    assert "#!/bin/sh" in shown["detail"]["next"]


def test_script_of_the_package_needs_no_mode(shop: Shop) -> None:
    """A bucket keeps no mode; the first line says what runs it."""
    program = f"#!/usr/bin/env python\n{GOOD}"
    service = shop.until(shop.command(program, command="./serve.py"), "Running")
    assert shop.call(service, {"x": 1}).status == 200
    shop.stop(service)


def test_custom_command_that_dies_is_replaced(shop: Shop) -> None:
    program = GOOD.replace(
        '        self.answer({"path": self.path, ',
        "        if sent.get('die'): os._exit(9)\n        self.answer({\"path\": self.path, ",
    )
    service = shop.until(shop.command(program), "Running")
    said = shop.call(service, {"die": 1})
    assert (said.status, said.json["error_code"]) in [(502, "SERVER_GONE"), (502, "INSTANCE_GONE")]
    service = shop.house.until(service, lambda row: len(shop.rows(row)) == 2)
    service = shop.until(service, "Running")
    first = shop.rows(service)[0]
    assert (first.reason, first.detail["exit_code"]) == ("USER_CODE", 9)
    assert shop.call(service, {"x": 1}).status == 200
    shop.stop(service)
    shop.house.nothing_left(service)


def test_custom_command_that_falls_ill_is_replaced(shop: Shop) -> None:
    program = GOOD.replace(
        '        self.answer({"path": self.path})\n',
        "        self.send_response(503 if os.path.exists('/tmp/ill') else 200)\n"
        "        self.send_header('Content-Length', '0')\n"
        "        self.end_headers()\n",
    ).replace(
        '        self.answer({"path": self.path, ',
        "        if sent.get('ill'): open('/tmp/ill', 'w')\n"
        '        self.answer({"path": self.path, ',
    )
    health = {"url": "/h", "period_seconds": 1, "failure_threshold": 1}
    service = shop.until(shop.command(program, health=health), "Running")
    assert shop.call(service, {"ill": 1}).status == 200
    service = shop.house.until(service, lambda row: len(shop.rows(row)) == 2)
    service = shop.until(service, "Running")
    first = shop.rows(service)[0]
    assert first.reason == "HEALTH_LOST"
    assert "GET /h on port 8080 answered 503" in first.message
    shop.stop(service)


def test_custom_command_gets_sigterm_after_the_last_answer(shop: Shop) -> None:
    program = (
        SERVER
        + "def end(*_):\n    print('told to end', flush=True)\n    os._exit(0)\n"
        + "signal.signal(signal.SIGTERM, end)\n"
        + GOOD.replace(SERVER, "")
    )
    service = shop.until(shop.command(program), "Running")
    shop.stop(service)
    assert "told to end" in shop.house.log(service)
    shop.house.nothing_left(service)


def test_custom_command_that_ignores_sigterm_is_killed(shop: Shop) -> None:
    program = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + GOOD
    service = shop.until(shop.command(program), "Running")
    shop.stop(service)
    shop.house.nothing_left(service)

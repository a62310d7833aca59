"""Instances whose words the platform reads: nothing they say breaks or fills what keeps it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compute import local
from compute.slot.models import Slot
from core import reconcile
from serving.service import probe
from serving.service.instances import _load_failure
from tests.hostile.house import HOLD, TURN, House
from tests.hostile.shop import ANSWERS, APIS, GOOD, Shop


def test_forged_health_answer_is_kept_within_bounds(shop: Shop) -> None:
    """A program takes the instance's socket over and says what no database keeps."""
    forged = {
        "stage": "x" * 400 + "\0",
        "reason": ["PORT_CLOSED"],
        "message": "\0<script>" + "m" * 9000,
        "proof": {"port": "80", "listening": ["\0" * 99] * 50, "answer": {"a": "\ud800"}},
    }
    program = (
        "import os, socket, time\n" + ANSWERS + "os.unlink(path)\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "s.bind(path)\n"
        "s.listen()\n"
        f"body = {json.dumps(forged).encode()!r}\n"
        "while True:\n"
        "    c = s.accept()[0]\n"
        "    c.recv(65536)\n"
        "    try: c.sendall(b'HTTP/1.1 503 No\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body)"
        " + body)\n"
        "    except OSError: pass\n"
        "    c.close()\n"
    )
    service = shop.command(program)
    service = shop.house.until(
        service, lambda row: bool(shop.rows(row)) and "script" in shop.rows(row)[-1].message
    )
    row = shop.rows(service)[-1]
    assert len(row.message) <= 500 and len(row.stage) <= 32
    assert "\0" not in row.message + row.stage + json.dumps(row.detail, ensure_ascii=False)
    assert row.detail["diagnosis"] == ""
    assert "<script>" not in shop.house.page(f"/services/{service.pk}")
    shop.stop(service)


def test_forged_words_of_a_load_are_kept_within_bounds() -> None:
    """The line a program prints in the server's name may hold anything."""
    line = json.dumps({"error": "\0" + "e" * 9000, "file": "\0", "hint": ["\0"], "proof": "x"})
    found = _load_failure({"log_tail": f"MODELYARD_LOAD_FAILED {line}"})
    assert found["reason"] == "LOAD_FAILED" and found["proof"] == {}
    assert "\0" not in found["text"] + found["hint"] and len(found["text"]) <= 500
    assert probe.proof_of({"port": True, "listening": "8080"}) == {}


def test_answer_nested_without_end_is_a_first_inference_that_failed(shop: Shop) -> None:
    program = (
        "import http.server, os\n"
        "class Answer(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['Content-Length']))\n"
        "        body = b'[' * 200000\n"
        "        self.send_response(200)\n"
        "        self.send_header('Content-Type', 'application/json')\n"
        "        self.send_header('Content-Length', str(len(body)))\n"
        "        self.end_headers()\n"
        "        self.wfile.write(body)\n"
        "http.server.HTTPServer(('', int(os.environ['PORT'])), Answer).serve_forever()\n"
    )
    service = shop.until(shop.command(program, apis=APIS), "Failed")
    assert service.reason == "FIRST_INFERENCE" and "nested too deeply" in service.message
    assert not Slot.objects.exists()


def test_service_that_is_given_up_leaves_no_process(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(service: Any) -> float | None:
        raise ZeroDivisionError

    service = shop.running(GOOD)
    assert local.current().processes(str(shop.rows(service)[-1].pk))
    monkeypatch.setitem(reconcile._reconcilers, "serving.service", broken)
    with TURN:
        for _time in range(reconcile.POISON_AFTER):
            reconcile.look("serving.service", str(service.pk))
    service.refresh_from_db()
    assert (service.phase, service.reason) == ("Failed", "RECONCILE_ERROR")
    assert not Slot.objects.exists()
    shop.house.nothing_left(service)


def test_job_that_is_given_up_leaves_no_process(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(job: Any) -> float | None:
        raise ZeroDivisionError

    job = house.ready(house.submit(HOLD))
    assert local.current().processes(house.attempts(job)[-1])
    monkeypatch.setitem(reconcile._reconcilers, "training.trainingjob", broken)
    with TURN:
        for _time in range(reconcile.POISON_AFTER):
            reconcile.look("training.trainingjob", str(job.pk))
    job.refresh_from_db()
    assert (job.phase, job.reason) == ("Failed", "RECONCILE_ERROR")
    house.nothing_left(job)

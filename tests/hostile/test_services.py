"""Model packages that break what they run in, and what users and callers then read."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from django.utils import timezone

from serving.service.models import Service
from tests.hostile.house import TURN
from tests.hostile.shop import ANSWERS, GOOD, Shop, failed
from tests.waiting import until

FLOOD_MB = int(os.environ.get("MODELYARD_HOSTILE_ANSWER_MB", "128"))


def test_raises_on_import(shop: Shop) -> None:
    service = shop.deploy("raise RuntimeError('no licence')\n" + GOOD)
    service = shop.until(service, "Failed")
    shown = failed(shop.house, service, "LOAD_FAILED", "no licence", "customize_service.py:3")
    assert shown["detail"]["exit_code"] == 78
    said = shop.call(service)
    assert (said.status, said.json["error_code"]) == (503, "NO_READY_INSTANCE")


def test_raises_on_load(shop: Shop) -> None:
    service = shop.deploy(
        GOOD + "    def __init__(self, name, path):\n        open(path + '.missing')\n"
    )
    service = shop.until(service, "Failed")
    failed(shop.house, service, "LOAD_FAILED", "FileNotFoundError", "customize_service.py:7")


def test_long_error_of_a_load_is_still_a_sentence(shop: Shop) -> None:
    service = shop.until(shop.deploy("raise RuntimeError('x' * 5000)\n" + GOOD), "Failed")
    failed(shop.house, service, "LOAD_FAILED", "RuntimeError: xxx")
    assert "{" not in service.message


def test_needs_a_missing_package(shop: Shop) -> None:
    service = shop.until(shop.deploy("import torch_geometric\n" + GOOD), "Failed")
    shown = failed(shop.house, service, "NO_MODULE", "torch_geometric")
    assert "torch_geometric" in shown["detail"]["next"]


def test_prints_what_the_platform_reads(shop: Shop) -> None:
    """A package that writes the server's own words wrongly cannot stop the reconciler."""
    service = shop.deploy(
        "print('MODELYARD_LOAD_FAILED [1]')\nprint('MODELYARD_LOAD_FAILED \\0{')\n"
        "print('MODELYARD_LOAD_FAILED [1]', flush=True)\nos._exit(1)\n" + GOOD
    )
    failed(shop.house, shop.until(service, "Failed"), "LOAD_FAILED")


def test_raises_on_the_first_request(shop: Shop) -> None:
    """It loads, but does not answer its own example: never routed."""
    service = shop.deploy(GOOD.replace("return {'answer': 1}", "raise KeyError('weights')"))
    service = shop.until(service, "Failed")
    failed(shop.house, service, "FIRST_INFERENCE", "KeyError")


def test_raises_on_every_third_request(shop: Shop) -> None:
    """The caller gets the exception and its place; the instance stays."""
    service = shop.running(
        "class Served(SingleNodeService):\n"
        "    count = 0\n"
        "    def _inference(self, data):\n"
        "        Served.count += 1\n"
        "        if Served.count % 3 == 0:\n"
        "            raise ValueError('third')\n"
        "        return {'answer': 1}\n"
    )
    said = [shop.call(service) for _ in range(6)]
    assert sorted(one.status for one in said) == [200, 200, 200, 200, 500, 500]
    bad = next(one for one in said if one.status == 500)
    assert bad.json["error_code"] == "INFERENCE_FAILED"
    assert "third (customize_service.py:8)" in bad.json["error_msg"]
    assert shop.house.look(service).phase == "Running"
    shop.stop(service)
    shop.house.nothing_left(service)


def test_answers_too_late_and_hangs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """504 in time; when every worker hangs, the instance is replaced and says why."""
    shop.limits(monkeypatch, timeout=2)
    service = shop.running(
        "class Served(SingleNodeService):\n"
        "    def _inference(self, data):\n"
        "        if data.get('hang'):\n"
        "            time.sleep(3600)\n"
        "        return {'answer': 1}\n"
    )
    for _ in range(2):
        said = shop.call(service, {"hang": 1})
        assert (said.status, said.json["error_code"]) == (504, "PREDICT_TIMEOUT")
    service = shop.house.until(service, lambda row: len(shop.rows(row)) == 2)
    service = shop.until(service, "Running")
    shop.house.until(service, lambda row: shop.rows(row)[0].ended_at)
    first = shop.rows(service)[0]
    assert first.reason == "PREDICT_TIMEOUT"
    assert "hangs in a prediction" in first.message
    until(lambda: shop.call(service).status == 200)
    shop.stop(service)
    shop.house.nothing_left(service)


def test_exits_after_some_requests(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarted with a pause, Concerning meanwhile; after five crashes Failed, with the reason."""
    service = shop.running(
        "class Served(SingleNodeService):\n"
        "    count = 0\n"
        "    def _inference(self, data):\n"
        "        Served.count += 1\n"
        "        if Served.count > 2:\n"
        "            print('leaving', flush=True)\n"
        "            os._exit(3)\n"
        "        return {'answer': 1}\n"
    )
    crashes = 0
    while service.phase != "Failed":
        service = shop.house.until(service, lambda row: row.phase in ("Running", "Failed"))
        if service.phase == "Failed":
            break
        said = [shop.call(service) for _ in range(2)]
        assert [one.status for one in said] == [200, 502]
        assert said[1].json["error_code"] == "INSTANCE_GONE"
        crashes += 1
        number = crashes
        service = shop.house.until(
            service, lambda row, n=number: row.phase != "Running" or len(shop.rows(row)) > n
        )
        if service.phase == "Concerning":
            shown = shop.house.api(f"/services/{service.pk}")
            assert shown["reason"] == "USER_CODE"
            assert shown["detail"]["next"]
            assert any("leaving" in line for line in shown["detail"]["log_tail"])
            assert 'role="alert"' in shop.house.page(f"/services/{service.pk}")
    assert crashes == 5
    shown = failed(shop.house, service, "USER_CODE", "exit code 3")
    assert shown["detail"]["exit_code"] == 3


def test_load_that_never_ends(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline ends every instance; the slots come back although they ignore SIGTERM."""
    service = shop.deploy(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('loading for ever', flush=True)\nwhile True: time.sleep(0.1)\n" + GOOD,
        replicas=2,
    )
    service = shop.house.until(service, lambda row: stage(shop, row) == "import")
    too_late(service, monkeypatch)
    service = shop.until(service, "Failed")
    shown = failed(shop.house, service, "HEALTH_STARTUP", "within 0 s (stage: import)")
    assert any("loading for ever" in line for line in shown["detail"]["log_tail"])
    assert all(row.ended_at for row in shop.rows(service))


def test_listens_on_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    service = shop.deploy(ANSWERS + "os.unlink(path)\nprint('unlinked', flush=True)\n" + GOOD)
    service = shop.house.until(service, lambda row: "unlinked" in shop.house.log(row))
    service = shop.house.until(service, lambda row: "No such" in shop.rows(row)[-1].message)
    too_late(service, monkeypatch)
    service = shop.until(service, "Failed")
    failed(shop.house, service, "HEALTH_STARTUP", "FileNotFoundError")


def test_link_in_place_of_the_socket(shop: Shop, tmp_path: Path) -> None:
    """The gateway and the probes must not follow it: it may lead to any service of the host."""
    import socket

    listener = socket.socket(socket.AF_UNIX)
    inner = tmp_path / "l.sock"
    here = Path.cwd()
    os.chdir(inner.parent)  # the path of a socket is short
    try:
        listener.bind("l.sock")
    finally:
        os.chdir(here)
    listener.listen()
    listener.settimeout(0)
    service = shop.running(
        "class Served(SingleNodeService):\n"
        "    def _inference(self, data):\n"
        "        if data.get('link'):\n"
        "            os.unlink('/run/modelyard/server.sock')\n"
        "            os.symlink(data['link'], '/run/modelyard/server.sock')\n"
        "        return {'answer': 1}\n"
    )
    assert shop.call(service, {"link": str(inner)}).status == 200
    said = shop.call(service)
    assert (said.status, said.json["error_code"]) == (503, "NO_READY_INSTANCE")
    service = shop.house.until(service, lambda row: len(shop.rows(row)) == 2)
    service = shop.until(service, "Running")
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()
    assert shop.rows(service)[0].reason == "HEALTH_LOST"
    shop.stop(service)
    shop.house.nothing_left(service)


def test_answer_that_is_too_large(shop: Shop) -> None:
    service = shop.running(
        "class Served(SingleNodeService):\n"
        "    def _inference(self, data):\n"
        "        return {'answer': 'x' * (70 << 20) if data.get('much') else ''}\n"
    )
    said = shop.call(service, {"much": 1})
    assert (said.status, said.json["error_code"]) == (500, "INFERENCE_FAILED")
    assert "the limit is 67,108,864" in said.json["error_msg"]
    shop.stop(service)


def test_endless_answer_does_not_grow_the_gateway(shop: Shop) -> None:
    """A package that takes the socket over and pours: piece by piece, never kept."""
    service = shop.running(
        "def pour():\n"
        "    s = socket.socket(socket.AF_UNIX)\n"
        "    os.unlink('/run/modelyard/server.sock')\n"
        "    s.bind('/run/modelyard/server.sock')\n"
        "    s.listen()\n"
        "    while True:\n"
        "        c, _ = s.accept()\n"
        "        c.recv(65536)\n"
        f"        c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: {FLOOD_MB << 20}\\r\\n\\r\\n')\n"
        "        try:\n"
        f"            for _ in range({FLOOD_MB}): c.sendall(bytes(1 << 20))\n"
        "        except OSError:\n            pass\n"
        "        c.close()\n"
        "class Served(SingleNodeService):\n"
        "    def _inference(self, data):\n"
        "        if data.get('take'):\n"
        "            threading.Thread(target=pour, daemon=True).start()\n"
        "            time.sleep(0.2)\n"
        "        return {'answer': 1}\n"
    )
    assert shop.call(service, {"take": 1}).status == 200
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = shop.call(service)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert (said.status, said.size) == (200, FLOOD_MB << 20)
    assert said.largest <= 1 << 20
    assert grown < 32, f"the gateway grew by {grown} MB"
    shop.stop(service)


def test_prints_endlessly(shop: Shop) -> None:
    """The log stays within its bound and the service answers."""
    service = shop.running(
        "def chatter():\n"
        "    while True: sys.stdout.write('noise ' * 1000 + '\\n')\n"
        "threading.Thread(target=chatter, daemon=True).start()\n" + GOOD
    )
    attempt = shop.house.attempts(service)[-1]
    folder = shop.house.backend.directory(attempt) / "log"
    until(lambda: sum(f.stat().st_size for f in folder.iterdir()) > 1 << 20)
    assert shop.call(service).status == 200
    assert len(shop.house.log(service)) > 0
    shop.stop(service)
    shop.house.nothing_left(service)


def test_forks_without_end(shop: Shop) -> None:
    service = shop.deploy(
        "while True:\n    if os.fork() == 0:\n        while True: time.sleep(60)\n" + GOOD,
        flavor=shop.house.flavor(memory_mb=512, pids=40),
    )
    service = shop.until(service, "Failed")
    failed(shop.house, service, "LOAD_FAILED", "Resource temporarily unavailable")


def stage(shop: Shop, service: Service) -> str:
    rows = shop.rows(service)
    return rows[-1].stage if rows else ""


def too_late(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of the deployment has come."""
    monkeypatch.setitem(Service.DEADLINES, "Deploying", 0)
    with TURN:
        rows = Service.objects.unscoped("test").filter(pk=service.pk)
        assert rows.update(deadline_at=timezone.now())

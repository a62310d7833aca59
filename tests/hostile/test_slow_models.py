"""Model servers that never answer: their own runner waits for them, and no look of the platform."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from compute import sockets
from serving.service import instances, probe, reconcile
from tests.hostile.shop import GOOD, Shop, failed
from tests.waiting import until


@pytest.fixture(autouse=True)
def no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process the reconciler works; the runners are processes of their own."""

    @contextmanager
    def asked(path: Any) -> Iterator[str]:
        raise AssertionError(f"a look of the platform connects to {path}")
        yield ""

    monkeypatch.setattr(sockets, "address", asked)


def test_a_first_request_that_is_never_answered(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried three times by the runner, then the instance is given up with what was found."""
    monkeypatch.setattr(probe, "INFERENCE_SECONDS", 0.3)
    monkeypatch.setattr(reconcile, "FIRST_TRIES", 1)
    shop.limits(monkeypatch, timeout=1000)
    service = shop.deploy(GOOD.replace("return {'answer': 1}", "time.sleep(1000)"))
    service = shop.until(service, "Failed")
    failed(shop.house, service, "FIRST_INFERENCE", "POST / with JSON", "no answer within 0.3 s")
    assert shop.rows(service)[0].misses == instances.UNHEALTHY_AFTER


def test_a_stopped_server_is_replaced(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGSTOP: it accepts and never reads. Told by its runner after one question, then taken out of
    the gateway's choice after three."""
    monkeypatch.setattr(instances, "UNHEALTHY_AFTER", 1)
    service = shop.running(GOOD)
    program = shop.house.seen(service).state["program_pid"]
    for pid in shop.house.backend.processes(str(shop.rows(service)[0].pk)):
        if pid != shop.house.seen(service).state["pid"] and pid != program:
            os.kill(pid, signal.SIGSTOP)
    service = shop.house.until(service, lambda row: len(shop.rows(row)) == 2)
    first = shop.rows(service)[0]
    assert first.reason == "HEALTH_LOST" and "no answer within 5 s" in first.message
    service = shop.until(service, "Running")
    until(lambda: not shop.house.backend.observe(str(first.pk)).alive)
    shop.stop(service)
    shop.house.nothing_left(service)

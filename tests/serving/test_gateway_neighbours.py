"""Another tenant's calls take no more than twice as long, whatever a model and its callers do.

Gateway, both models and the callers of the hostile one are processes, as in an installation; the
medians of one run are compared, and a round that a busy machine spoiled is held again.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.supervisor import ports
from tests.serving import hostile_model
from tests.waiting import until

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
CALLERS, CALLS, ROUNDS = 20, 60, 12
RATIO = 2.0


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("gw")
    port = ports.choose()
    commands = [
        ("-m", "tests.serving.hostile_model", f"{folder}/evil.sock"),
        ("-m", "tests.serving.hostile_model", f"{folder}/good.sock"),
        ("-m", "tests.serving.attacked_gateway", str(port), str(folder)),
    ]
    with contextlib.ExitStack() as running:
        for command in commands:
            process = subprocess.Popen([sys.executable, *command], cwd=PROJECT)
            running.callback(process.wait, 20)
            running.callback(process.kill)
        until(lambda: (folder / "good.sock").exists() and served(port))
        yield port


def served(port: int) -> bool:
    try:
        return call(port) == 200
    except OSError:
        return False


def call(port: int) -> int:
    """One call of the good tenant's model on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request("POST", "/v1/infers/good/", b"{}", {"Authorization": "good"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def median(port: int) -> float:
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        assert call(port) == 200
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@contextlib.contextmanager
def callers(port: int, path: str, then: str) -> Iterator[None]:
    command = ("-m", "tests.serving.leaving_callers", str(port), path, str(CALLERS), then)
    process = subprocess.Popen(
        [sys.executable, *command], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == b"there\n"
        yield
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.mark.parametrize("then", ["stay", "leave"])
@pytest.mark.parametrize("path", [*hostile_model.ENDLESS, *hostile_model.NAMED])
def test_others_are_served_as_before(port: int, path: str, then: str) -> None:
    seen = []
    for _ in range(ROUNDS):
        idle = median(port)
        with callers(port, path, then):
            under = median(port)
        seen.append(round(under / idle, 2))
        if under <= RATIO * idle:
            return
    pytest.fail(f"calls took {seen} times as long in {ROUNDS} rounds")

"""A gateway, a good and a hostile model and the hostile one's callers, each a process as in an
installation; and calls of the good one beside them."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ops.supervisor import ports
from tests.serving import hostile_model
from tests.waiting import until

PROJECT = Path(__file__).parents[2]
CALLERS = 20
PATHS = (*hostile_model.ENDLESS, *hostile_model.NAMED)


class Attacked(NamedTuple):
    """A gateway that listens on ``port``, and its process."""

    port: int
    pid: int


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Attacked]:
    """One that serves; ``folder`` has a short path, for the sockets of the models."""
    port = ports.choose()
    commands = [
        ("-m", "tests.serving.hostile_model", f"{folder}/evil.sock"),
        ("-m", "tests.serving.hostile_model", f"{folder}/good.sock"),
        ("-m", "tests.serving.attacked_gateway", str(port), str(folder)),
    ]
    with contextlib.ExitStack() as running:
        for command in commands:
            process = subprocess.Popen([sys.executable, *command], cwd=PROJECT)
            running.callback(process.wait, 60)
            running.callback(process.kill)
        until(lambda: all((folder / f"{name}.sock").exists() for name in ("good", "evil")))
        until(lambda: _served(port))
        yield Attacked(port, process.pid)


def _served(port: int) -> bool:
    try:
        return call(port) == (200, b"{}")
    except OSError:
        return False


def call(port: int, path: str = "good/") -> tuple[int, bytes]:
    """One call on a connection of its own; status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request("POST", f"/v1/infers/{path}", b"{}", {"Authorization": "good"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def callers(port: int, path: str, then: str, count: int = CALLERS) -> Iterator[None]:
    """Callers of the hostile model's ``path``, who "stay" or "leave", until the block ends."""
    command = ("-m", "tests.serving.leaving_callers", str(port), path, str(count), then)
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

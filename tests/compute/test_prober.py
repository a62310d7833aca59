"""A server that tenants wrote answers as badly as it can: its own runner ends it, within bounds."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compute import whole
from compute.runner import exchange, prober
from compute.runner.spec import FirstRequest
from compute.runner.state import read_state
from tests.compute.helpers import Lab
from tests.waiting import PATIENCE, until

SECONDS = 0.4
LIMIT = 4096
OK = b"HTTP/1.1 200 OK\r\n"


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def drips() -> Iterator[bytes]:
    for byte in OK + b"X-A: " + b"a" * 60_000:
        time.sleep(0.02)
        yield bytes([byte])


def silent() -> Iterator[bytes]:
    while True:
        yield b""
        time.sleep(0.02)


@contextlib.contextmanager
def answering(path: Path, answer: Callable[[], Iterator[bytes]]) -> Iterator[list[int]]:
    """A server at this socket; yields how many bytes each connection took of its answer."""
    sent: list[int] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(300)
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection = listener.accept()[0]
            with connection:
                connection.recv(65536)
                sent.append(0)
                for piece in answer():
                    if over.is_set():
                        break
                    connection.sendall(piece)
                    sent[-1] += len(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        listener.close()
        thread.join(300)
        assert not thread.is_alive(), "the other side has not hung up"


def asked(path: Path, seconds: float = PATIENCE) -> exchange.Answer:
    return exchange.ask(path, "GET", "/health", seconds=seconds, limit=LIMIT)


@pytest.mark.parametrize("answer", [drips, silent], ids=["drips", "never answers"])
def test_the_deadline_is_for_everything_together(
    tmp_path: Path, answer: Callable[[], Iterator[bytes]]
) -> None:
    with answering(tmp_path / "s", answer), pytest.raises(TimeoutError, match=r"within 0\.4 s"):
        asked(tmp_path / "s", SECONDS)


@pytest.mark.parametrize(
    "piece",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 103 Early Hints\r\nX-A: " + b"b" * 4000 + b"\r\n",
        b"x" * 65536,
        OK + b"X-A: " + b"b" * 100_000,
    ],
    ids=["interim answers", "hints", "no HTTP", "one long header"],
)
def test_what_comes_before_a_body_is_bounded(tmp_path: Path, piece: bytes) -> None:
    served = answering(tmp_path / "s", lambda: endless(piece))
    with served as sent, pytest.raises(http.client.HTTPException):
        asked(tmp_path / "s")
    assert sent[0] < 2**20, "it is not read on"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (OK + b"\r\n", b"x" * 4096),
        (OK + b"Content-Length: 99999999999\r\n\r\n", b"x" * 4096),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 100),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: x\r\n" * 100),
    ],
    ids=["until it closes", "a great length", "tiny pieces", "trailers"],
)
def test_a_body_is_read_as_far_as_was_asked_for(tmp_path: Path, head: bytes, piece: bytes) -> None:
    def answer() -> Iterator[bytes]:
        yield head
        yield from endless(piece)

    with answering(tmp_path / "s", answer) as sent:
        assert asked(tmp_path / "s") == exchange.Answer(200, "", None)
    assert sent[0] < 2**20


def test_one_that_closes_at_once_is_told(tmp_path: Path) -> None:
    with answering(tmp_path / "s", lambda: iter([b""])):
        assert "RemoteDisconnected" in prober.health(tmp_path / "s")["error"]
    served = answering(tmp_path / "t", lambda: iter([OK + b"Content-Length: 9\r\n\r\n{}"]))
    with served, pytest.raises(whole.CutOff):
        asked(tmp_path / "t")


def test_nothing_that_a_package_declares_breaks_the_question(tmp_path: Path) -> None:
    for method, path in (("GET\r\nX: y", "/"), ("GET", "/a b"), ("GET", "/\ud800"), ("GET", "/é")):
        with answering(tmp_path / "s", lambda: iter([b""])):
            assert "error" in prober.first(tmp_path / "s", FirstRequest(method, path))
        (tmp_path / "s").unlink()


SERVER = """
import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind(os.environ['MODELYARD_SOCKET']); s.listen()
seen = 0
while True:
    c, _ = s.accept()
    asked = c.recv(65536)
    while asked.startswith(b"POST") and not asked.endswith(b"hello"):
        asked += c.recv(65536)
    print(asked.split(b"\\r\\n")[0].decode(), flush=True)
    if asked.startswith(b"POST"):
        seen += 1
        body = b"try %d: " % seen + asked.partition(b"\\r\\n\\r\\n")[2]
    elif seen == 2:
        time.sleep(1000)
    else:
        body = b"{}"
    c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    c.close()
"""


def test_the_runner_asks_its_own_server(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health again and again, the first request once per try, and a look never waits."""
    attempt = lab.launch(
        lab.spec("", kind="service", fetch=(), boot_file="", code_name="",
                 argv=("/opt/engine/bin/python", "-u", "-c", SERVER),
                 first_request=FirstRequest("POST", "/", "text/plain", "aGVsbG8="))
    )  # fmt: skip
    backend = lab.backend
    until(lambda: backend.probed(attempt).first)
    seen = backend.probed(attempt)
    assert seen.age is not None
    assert (seen.health.get("status"), seen.health["misses"]) == (200, 0), seen.health
    assert (seen.first["number"], seen.first.get("body")) == (1, "dHJ5IDE6IGhlbGxv"), seen.first
    number = seen.health["number"]
    until(lambda: backend.probed(attempt).health["number"] > number + 1)
    assert lab.log(attempt).count("POST") == 1, "a try is asked for once"
    backend.ask_again(attempt, 2)
    backend.ask_again(attempt, 2)
    until(lambda: backend.probed(attempt).first["number"] == 2)
    # From here on the server never answers again, and looking is as quick as before.
    until(lambda: backend.probed(attempt).health["misses"] >= 1)
    assert "no answer within 5 s" in backend.probed(attempt).health["error"]
    state = read_state(backend.directory(attempt) / "state.json")
    assert state["phase"] == "running", "the runner's own work goes on"
    backend.kill(attempt)
    lab.wait(attempt)

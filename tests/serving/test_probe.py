"""What an instance answers, however hostile, becomes a finding of one line."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from serving.service import probe

NOWHERE = Path("/nowhere/server.sock")
CONFIG = {
    "apis": [
        {
            "url": "/",
            "method": "POST",
            "request": {"Content-type": "application/json", "data": {"type": "object"}},
            "response": {"Content-type": "application/json", "data": {"type": "object"}},
        }
    ]
}


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def answering(monkeypatch: pytest.MonkeyPatch, body: str, status: int = 200) -> None:
    monkeypatch.setattr(
        probe, "_ask", lambda *asked: (status, "application/json", body.encode("utf-8", "replace"))
    )


@pytest.mark.parametrize("body", ["[" * 200_000, nested(100_000), "9" * 5000, "\0", '"\\ud800"'])
def test_hostile_answers_do_not_fit(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    answering(monkeypatch, body)
    answer = probe.inference(NOWHERE, CONFIG)
    assert not answer.ok
    assert 0 < len(answer.text) <= 500 and "cannot be judged" not in answer.text


def test_what_nobody_thought_of_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*told: Any) -> list[str]:
        raise ZeroDivisionError

    answering(monkeypatch, "{}")
    monkeypatch.setattr(probe, "judge_answer", judge)
    answer = probe.inference(NOWHERE, CONFIG)
    assert (answer.ok, answer.text) == (False, "The answer cannot be judged (ZeroDivisionError).")


def serving(path: Path, answer: bytes) -> threading.Thread:
    """Answers one request on this unix socket and closes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection = listener.accept()[0]
        with listener, connection:
            asked = b""
            while not asked.endswith(b"{}"):
                asked += connection.recv(65536)
            with contextlib.suppress(BrokenPipeError):  # it reads no further than its limit
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (HEAD + b"Content-Length: 200000\r\n\r\n", "after 0 of 200,000 bytes"),
        (HEAD + b"Content-Length: 9\r\n\r\n{}", "after 2 of 9 bytes"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "after 2 bytes"),
    ],
)
def test_an_answer_that_breaks_off_is_not_called_bad_json(
    tmp_path: Path, answer: bytes, told: str
) -> None:
    server = serving(tmp_path / "s", answer)
    found = probe.inference(tmp_path / "s", CONFIG)
    server.join()
    assert not found.ok and "not whole" in found.text and told in found.text


def test_an_answer_too_long_to_be_read_is_judged_by_its_head(tmp_path: Path) -> None:
    size = probe.MAX_ANSWER + 1
    server = serving(tmp_path / "s", HEAD + b"Content-Length: %d\r\n\r\n" % size + bytes(size))
    found = probe.inference(tmp_path / "s", CONFIG)
    server.join()
    assert found.ok and "not looked into" in found.text

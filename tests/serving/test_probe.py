"""What an instance answers, however hostile, becomes a finding of one line."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from compute.backends.base import Probed
from compute.runner import prober
from serving.service import probe

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


def record(body: str, status: int = 200) -> dict[str, Any]:
    """As the runner keeps an answer."""
    raw = base64.b64encode(body.encode("utf-8", "replace")).decode()
    return {"number": 1, "status": status, "kind": "application/json", "body": raw}


def asked(path: Path) -> probe.Answer:
    """What becomes of the first request to the server at this socket."""
    request = probe.first_request(CONFIG)
    assert request is not None
    return probe.judge(CONFIG, prober.first(path, request))


@pytest.mark.parametrize("body", ["[" * 200_000, nested(100_000), "9" * 5000, "\0", '"\\ud800"'])
def test_hostile_answers_do_not_fit(body: str) -> None:
    answer = probe.judge(CONFIG, record(body))
    assert not answer.ok
    assert 0 < len(answer.text) <= 500 and "cannot be judged" not in answer.text


def test_what_nobody_thought_of_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*told: Any) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr(probe, "judge_answer", judge)
    answer = probe.judge(CONFIG, record("{}"))
    assert (answer.ok, answer.text) == (False, "The answer cannot be judged (ZeroDivisionError).")


class TestHealth:
    """The look reads what the runner was last told; it asks nothing itself."""

    def test_it_was_not_asked_yet(self) -> None:
        assert not probe.health(Probed()).ok
        assert probe.misses(Probed(), 1) == 2, "a runner that never asks is no sign of health"

    @pytest.mark.parametrize("age", [None, probe.SILENT_SECONDS + 1])
    def test_an_old_answer_is_none(self, age: float | None) -> None:
        old = Probed(age, {"misses": 0, "status": 200, "kind": "", "body": "{}"})
        assert not probe.health(old).ok
        assert probe.misses(old, 2) == 3

    def test_one_answer_looked_at_twice_is_counted_once(self) -> None:
        bad = Probed(1.0, {"misses": 2, "error": "TimeoutError: no answer within 5 s"})
        assert probe.health(bad).text == "TimeoutError: no answer within 5 s"
        assert [probe.misses(bad, before) for before in (1, 2)] == [2, 2]

    def test_no_json_is_known_by_its_status(self) -> None:
        told = {"misses": 0, "kind": "", "body": nested(4000)}
        assert probe.health(Probed(0.0, {**told, "status": 200})).ok
        assert not probe.health(Probed(0.0, {**told, "status": 503})).ok


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
    found = asked(tmp_path / "s")
    server.join()
    assert not found.ok and "not whole" in found.text and told in found.text


def test_an_answer_too_long_to_be_read_is_judged_by_its_head(tmp_path: Path) -> None:
    size = probe.MAX_ANSWER + 1
    server = serving(tmp_path / "s", HEAD + b"Content-Length: %d\r\n\r\n" % size + bytes(size))
    found = asked(tmp_path / "s")
    server.join()
    assert found.ok and "not looked into" in found.text

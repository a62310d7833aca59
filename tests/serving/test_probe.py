"""What an instance answers, however hostile, becomes a finding of one line."""

from __future__ import annotations

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

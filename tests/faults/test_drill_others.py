"""The tenant beside an attack tells what it noticed: failures, slow acts, a platform in trouble."""

from __future__ import annotations

from typing import Any

import pytest

from client import StepFailed
from ops.drill import others
from ops.drill.others import Others

IDLE = {"change": 0.2, "list": 0.01, "store": 0.1, "register": 0.2}


class Quiet:
    """A client whose platform answers everything."""

    def __init__(self) -> None:
        self.api: Any = self
        self.fails = 0

    def named(self, path: str, name: str) -> dict[str, Any]:
        return {"name": name}

    def post(self, path: str, data: Any) -> dict[str, Any]:
        if self.fails:
            self.fails -= 1
            raise StepFailed("no answer")
        return {"id": "1"}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return {"phase": "Published"}

    def delete(self, path: str) -> None: ...

    def put_file(self, bucket: str, key: str, path: Any) -> str:
        return ""

    def objects(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        return []


@pytest.fixture
def other() -> Others:
    return Others(Quiet())  # type: ignore[arg-type]


def test_nothing_is_told_of_a_quiet_platform(other: Others) -> None:
    took = other.work()
    assert set(took) == set(IDLE)
    assert other.wrong == []


def test_failures_and_what_the_look_finds_are_told(other: Others) -> None:
    other.client.fails = 1  # type: ignore[attr-defined]
    other.work(lambda: ["the host is full"])
    assert other.wrong[0] == "another tenant's change failed: no answer"
    assert other.wrong.count("the host is full") == others.ROUNDS


@pytest.mark.parametrize(
    ("under", "wrong"),
    [
        (IDLE, 0),
        ({**IDLE, "change": 0.39}, 0),
        ({**IDLE, "change": 0.41}, 1),
        ({**IDLE, "list": 0.1}, 0),  # ten times as long, and still quick
        ({"change": 0.5, "list": 0.2, "store": 0.3, "register": 0.6}, 4),
    ],
)
def test_twice_as_long_is_too_long(other: Others, under: dict[str, float], wrong: int) -> None:
    said = other.compare(IDLE, under)
    assert f"change 200 -> {under['change'] * 1000:.0f} ms" in said
    assert len(other.wrong) == wrong


def test_times_are_told_without_a_judgement(other: Others) -> None:
    other.judged = False
    assert "list 10 -> 200 ms" in other.compare(IDLE, {**IDLE, "list": 0.2})
    assert other.wrong == []

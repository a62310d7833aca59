"""A caller who left costs nothing: the model's work for them ends, wherever it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.gateway import callers
from serving.gateway.protocol import Instance
from tests.serving.endless import ENDLESS, HEAD, Endless, caller
from tests.serving.gateway import House, call, error
from tests.waiting import until


@pytest.fixture
def house(tmp_path: Any) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.mark.parametrize("then", list(ENDLESS.values()), ids=list(ENDLESS))
@pytest.mark.parametrize("requests", [1, 2])
def test_an_endless_stream_ends_with_its_caller(
    house: House, endless: Callable[..., Endless], then: bytes, requests: int
) -> None:
    """Also where the model always has more, and where another request waits behind this one."""
    program = endless(HEAD, then)
    line = caller(house, requests)
    assert line.recv(1000).startswith(b"HTTP/1.1 200")
    line.close()
    assert program.gone.wait(300)
    until(lambda: ("svc", "", 499) in house.counted())


def test_a_caller_who_leaves_while_the_model_thinks(
    house: House, endless: Callable[..., Endless]
) -> None:
    program = endless(b"")
    line = caller(house)
    assert program.asked.wait(300)
    line.close()
    assert program.gone.wait(300)
    until(lambda: ("svc", "", 499) in house.counted())


def test_a_caller_who_leaves_a_silent_stream(house: House, endless: Callable[..., Endless]) -> None:
    program = endless(HEAD)
    line = caller(house)
    assert line.recv(1000).startswith(b"HTTP/1.1 200")
    line.close()
    assert program.gone.wait(300)


def test_a_caller_who_does_not_read_is_cut(
    house: House, endless: Callable[..., Endless], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "LOOK", 0.2)
    program = endless(HEAD, ENDLESS["large pieces"])
    line = caller(house)
    assert program.asked.wait(300)
    assert program.gone.wait(300), "nothing was read, and the model still sends"
    line.close()


@pytest.mark.parametrize("bounds", [(2, 9), (9, 2)], ids=["service", "caller"])
def test_requests_at_once_are_bounded(tmp_path: Any, bounds: tuple[int, int]) -> None:
    """For a service and for all callers of an account; the answer says what to do."""
    house = House(tmp_path, max_active_service=bounds[0], max_active_caller=bounds[1])
    path = tmp_path / "p.sock"
    program = Endless(path, HEAD, b"")
    house.route(Instance("p", str(path)), caller="one")
    lines = []
    try:
        for _ in range(2):
            lines.append(caller(house))
            assert lines[-1].recv(1000).startswith(b"HTTP/1.1 200")
        assert error(call(house.url, "GET")) == (429, "TOO_MANY_REQUESTS")
        lines.pop().close()
        until(lambda: ("svc", "", 499) in house.counted())
        with caller(house) as line:
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        for line in lines:
            line.close()
        house.close()
        program.stop()

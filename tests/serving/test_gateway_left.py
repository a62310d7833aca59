"""A caller who left costs nothing: the model's work for them ends, wherever it was."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.gateway import callers
from serving.gateway.protocol import Instance
from tests.serving.gateway import House, call, error
from tests.serving.test_gateway_answers import Program
from tests.waiting import until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
#: what a model sends when it sends without end
ENDLESS = {
    "pieces of a byte": b"1\r\nx\r\n" * 10_000,
    "large pieces": b"10000\r\n" + b"x" * 0x10000 + b"\r\n",
}


class Endless(Program):
    """Answers with a head, and then with the same bytes until its connection is closed."""

    def __init__(self, path: Any, head: bytes, then: bytes) -> None:
        self.then = then
        self.asked = threading.Event()
        self.gone = threading.Event()
        super().__init__(path, head)

    def serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer_one, args=(line,), daemon=True).start()

    def answer_one(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            line.recv(65536)
            self.asked.set()
            line.sendall(self.answer)
            while self.then:
                line.sendall(self.then)
            while line.recv(65536):
                pass
        self.gone.set()


@pytest.fixture
def house(tmp_path: Any) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def endless(house: House) -> Iterator[Callable[..., Endless]]:
    programs = []

    def made(head: bytes, then: bytes = b"") -> Endless:
        path = house.tmp_path / f"{len(programs)}.sock"
        programs.append(Endless(path, head, then))
        house.route(Instance(f"p{len(programs)}", str(path)))
        return programs[-1]

    yield made
    for program in programs:
        program.stop()


def caller(house: House, times: int = 1) -> socket.socket:
    one = b"GET /v1/infers/svc/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer my_good\r\n\r\n"
    line = socket.create_connection(("127.0.0.1", house.port), timeout=300)
    line.sendall(one * times)
    return line


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
    assert program.gone.wait(60)
    until(lambda: ("svc", "", 499) in house.counted())


def test_a_caller_who_leaves_while_the_model_thinks(
    house: House, endless: Callable[..., Endless]
) -> None:
    program = endless(b"")
    line = caller(house)
    assert program.asked.wait(60)
    line.close()
    assert program.gone.wait(60)
    until(lambda: ("svc", "", 499) in house.counted())


def test_a_caller_who_leaves_a_silent_stream(house: House, endless: Callable[..., Endless]) -> None:
    program = endless(HEAD)
    line = caller(house)
    assert line.recv(1000).startswith(b"HTTP/1.1 200")
    line.close()
    assert program.gone.wait(60)


def test_a_caller_who_does_not_read_is_cut(
    house: House, endless: Callable[..., Endless], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "LOOK", 0.2)
    program = endless(HEAD, ENDLESS["large pieces"])
    line = caller(house)
    assert program.asked.wait(60)
    assert program.gone.wait(60), "nothing was read, and the model still sends"
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

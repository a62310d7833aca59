"""What a caller leaves open at the gateway is bounded, in bytes and in time."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ops.supervisor.programs import gateway
from serving.gateway import __main__ as entry
from serving.gateway import callers
from serving.gateway.callers import Callers
from tests.serving.gateway import Server

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"x" * 65536
FAR_MORE = 16 * callers.MOST // len(PIECE)


async def counts(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the number of bytes it got."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(tmp_path: Any) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    server = Server(counts, host=host, port=port, http=Callers)
    yield host, port
    server.stop()


@contextlib.contextmanager
def calling(address: tuple[str, int], said: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=300) as caller:
        caller.sendall(said)
        yield caller


def answer(caller: socket.socket) -> tuple[int, bytes]:
    data = b""
    while not (found := re.search(rb"content-length: (\d+).*?\r\n\r\n", data, re.S | re.I)):
        piece = caller.recv(65536)
        assert piece, data
        data += piece
    end = found.end() + int(found[1])
    while len(data) < end:
        data += caller.recv(65536)
    return int(data.split()[1]), data[found.end() : end]


def poured(caller: socket.socket, times: int) -> int:
    """How many pieces were taken before the connection broke."""
    for number in range(times):
        try:
            caller.sendall(PIECE)
        except OSError:
            return number
    return times


@pytest.mark.parametrize("head", [GET + b"X-More: ", b"GET /", GET + b"X-" + b"\r\nY-"])
def test_a_head_without_end_is_cut(address: tuple[str, int], head: bytes) -> None:
    with calling(address, head) as caller:
        assert poured(caller, FAR_MORE) < FAR_MORE
    with calling(address, GET + b"\r\n") as caller:
        assert answer(caller) == (200, b"0")


def test_a_head_too_large_is_told_so(address: tuple[str, int]) -> None:
    with calling(address, GET + b"X: " + PIECE * (callers.MOST // len(PIECE)) + b"yy") as caller:
        assert answer(caller)[0] == 431
        assert caller.recv(1) == b""


@pytest.mark.parametrize("tail", [b"0\r\nX-Trailer: ", b"5;name="], ids=["trailers", "extension"])
def test_what_surrounds_a_body_is_cut(address: tuple[str, int], tail: bytes) -> None:
    with calling(address, CHUNKED + b"5\r\nhello\r\n" + tail) as caller:
        assert poured(caller, FAR_MORE) < FAR_MORE


def test_large_bodies_pass_in_any_form(address: tuple[str, int]) -> None:
    size = 4 * callers.MOST
    with calling(address, CHUNKED) as caller:
        caller.sendall(b"1\r\nx\r\n" * 300_000 + b"0\r\n\r\n")
        assert answer(caller) == (200, b"300000")
        # The same connection: what came before counts for nothing.
        for _time in range(3):
            caller.sendall(GET.replace(b"GET", b"PUT") + b"Content-Length: %d\r\n\r\n" % size)
            caller.sendall(b"y" * size)
            assert answer(caller) == (200, b"%d" % size)


@pytest.mark.parametrize("said", [b"", b"GET", GET], ids=["silent", "word", "headers"])
def test_a_head_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, address: tuple[str, int], said: bytes
) -> None:
    monkeypatch.setattr(callers, "FIRST", 0.2)
    monkeypatch.setattr(callers, "HEAD", 0.2)
    with calling(address, said) as caller:
        assert caller.recv(1) == b""


def test_a_kept_connection_is_waited_for_as_before(
    monkeypatch: pytest.MonkeyPatch, address: tuple[str, int]
) -> None:
    monkeypatch.setattr(callers, "FIRST", 0.2)
    with calling(address, GET + b"\r\n") as kept:
        assert answer(kept) == (200, b"0")
        with calling(address) as silent:  # opened later, and its time is over first
            assert silent.recv(1) == b""
        kept.sendall(GET + b"\r\n")
        assert answer(kept) == (200, b"0")


def test_the_gateway_runs_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    program = gateway("127.0.0.1", 8001)
    assert program.argv[1:3] == ("-m", "serving.gateway")
    monkeypatch.setattr("sys.argv", list(program.argv[2:]))
    monkeypatch.setattr(entry.uvicorn, "run", lambda app, **given: told.update(given))
    entry.main()
    assert (told["http"], told["host"], told["port"]) == (Callers, "127.0.0.1", 8001)

"""What a model's program may send is bounded, and no piece of it holds the others up."""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from serving.gateway import connection
from serving.gateway.connections import Connections
from serving.gateway.protocol import Instance
from tests.serving.endless import HEAD, Endless, caller
from tests.serving.gateway import House, call, error
from tests.serving.test_gateway_answers import Program
from tests.waiting import PATIENCE, until

FINE = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture
def house(tmp_path: Any) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def answering(house: House) -> Iterator[Callable[[bytes], None]]:
    programs = []

    def answering(raw: bytes) -> None:
        path = house.tmp_path / "p.sock"
        programs.append(Program(path, raw))
        house.route(Instance("p", str(path)))

    yield answering
    for program in programs:
        program.stop()


def test_a_few_interim_answers_are_passed_over(
    house: House, answering: Callable[[bytes], None]
) -> None:
    answering(INTERIM * connection.MAX_INTERIM + FINE + b"\r\nhi")
    assert call(house.url)[::2] == (200, b"hi")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (INTERIM * 100_000, "interim"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + FINE + b"\r\nhi", "interim"),
        (FINE + b"".join(b"X-Model-%d: %s\r\n" % (i, b"v" * 4000) for i in range(40)), "64 KiB"),
        (FINE + b"X-Model-A: " + b"v" * 8_000_000, "not HTTP"),
        (FINE + b"".join(b"X-Model-%d: v\r\n" % i for i in range(20_000)) + b"\r\nhi", "not HTTP"),
        (FINE + CHUNKED + b"\r\n2\r\nhi\r\n0\r\n\r\n", "not HTTP"),
        (HEAD[:-2] + b"Content-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "not HTTP"),
        (b"hello", "not HTTP"),
    ],
    ids=["100,000 interim", "9 interim", "long head", "long line", "many lines", "both lengths",
         "both lengths turned", "no HTTP"],
)  # fmt: skip
def test_an_answer_that_cannot_be_passed_on_is_502(
    house: House, answering: Callable[[bytes], None], raw: bytes, why: str
) -> None:
    answering(raw)
    answer = call(house.url)
    assert error(answer) == (502, "BAD_ANSWER")
    assert why in answer[2].decode()


def test_what_comes_after_an_answer_is_nobodys(
    house: House, answering: Callable[[bytes], None]
) -> None:
    """Neither of the next request nor of another caller: that connection is not used again."""
    answering(FINE + b"\r\nhi" + b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON!" * 3)
    for _ in range(5):
        assert call(house.url)[::2] == (200, b"hi")


def test_a_header_with_control_characters_is_left_out(
    house: House, answering: Callable[[bytes], None]
) -> None:
    answering(FINE + b"X-Model-A: a\x01b\r\nX-Model-B: b\tc\r\nETag: \x7fx\r\n\r\nhi")
    status, headers, body = call(house.url)
    if status == 200:
        assert (headers["x-model-b"], body) == ("b\tc", b"hi")
        assert "x-model-a" not in headers and "etag" not in headers
    else:
        assert status == 502


def test_pieces_of_a_byte_go_on_together(house: House, answering: Callable[[bytes], None]) -> None:
    """Bytes on the wire for a byte of the answer: the framing of the model is not passed on."""
    count = 200_000
    answering(HEAD + b"1\r\nx\r\n" * count + b"0\r\n\r\n")
    with caller(house) as line:
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += line.recv(1 << 20)
    assert got.count(b"x" * 64) > count / 128
    assert len(got) < 1.5 * count
    pieces = len(re.findall(rb"(?:^|\r\n)[0-9a-f]+\r\n(?=x)", got.partition(b"\r\n\r\n")[2]))
    assert 0 < pieces < count / 20


@pytest.mark.parametrize(
    "then", [b"0" * 100_000, b"1;" + b"e" * 100_000], ids=["size", "extension"]
)
def test_a_stream_of_framing_alone_is_cut(
    house: House, endless: Callable[..., Endless], then: bytes
) -> None:
    """The size of a chunk that does not end holds nothing, however long it goes on."""
    program = endless(HEAD, then, idle_timeout=100_000.0)
    with caller(house):
        assert program.gone.wait(PATIENCE)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_may_name_a_length(
    house: House, answering: Callable[[bytes], None], status: int
) -> None:
    """With 304 it is that of the answer that the caller has."""
    answering(b"HTTP/1.1 %d Fine\r\nETag: x\r\nContent-Length: 100\r\n\r\n" % status)
    answer = call(house.url)
    assert answer[::2] == (status, b"")
    assert answer[1]["etag"] == "x" and "content-length" not in answer[1]


def test_an_answer_that_breaks_off_is_one_line_of_the_log(
    house: House, answering: Callable[[bytes], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The caller sees that it is incomplete; a model does not fill the log with frames."""
    answering(HEAD + b"5\r\nhello\r\n5\r\nwo")
    with caller(house) as line:
        got = b""
        while piece := line.recv(65536):
            got += piece
    assert b"hello" in got and not got.endswith(b"0\r\n\r\n")
    until(lambda: ("svc", "", 502) in house.counted())
    assert "broke off" in caplog.text
    assert [record for record in caplog.records if record.exc_info] == []


def test_streams_at_once_keep_their_bytes(house: House, endless: Callable[..., Endless]) -> None:
    """In order and whole, though they are read in slices, in turn, and gathered."""
    said = [b"%d\n" % number for number in range(20_000)]
    head = HEAD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    endless(head + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in said) + b"0\r\n\r\n")
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(call, house.url) for _ in range(8)]
        for answer in answers:
            assert answer.result()[::2] == (200, b"".join(said))


def test_connections_are_counted_per_address() -> None:
    """The last quarter is for others; a proxy is many; a network of IPv6 is one address."""
    doors = Connections(8, shared=("10.0.0.0/8",))
    held = [doors.enter("192.0.2.1") for _ in range(6)]
    assert None not in held
    assert doors.enter("192.0.2.1") is None
    assert doors.enter("::ffff:192.0.2.1") is None
    other = doors.enter("192.0.2.2")
    assert other is not None
    doors.leave(other)
    doors.leave(held.pop() or "")
    assert doors.enter("192.0.2.1") is not None
    many = Connections(8, shared=("10.0.0.0/8",))
    assert [many.enter("10.0.0.1") for _ in range(9)] == [""] * 8 + [None]
    six = Connections(8)
    assert [six.enter(f"2001:db8::{n}") is None for n in range(7)] == [False] * 6 + [True]
    assert six.enter("2001:db8:0:1::1") is not None


def test_a_full_gateway_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 for who comes now, and room again when somebody has gone."""
    from serving.gateway.callers import Callers

    monkeypatch.setattr(Callers, "connections_open", Connections(4))
    with contextlib.ExitStack() as open_lines:
        lines = [
            open_lines.enter_context(socket.create_connection(("127.0.0.1", house.port), 30))
            for _ in range(3)
        ]
        with caller(house) as line:
            assert line.recv(1000).startswith(b"HTTP/1.1 503")
        lines[0].close()
        deadline = 200
        while deadline and not got(house).startswith(b"HTTP/1.1 401"):
            deadline -= 1
        assert deadline, "a place was given back and is not taken"


def got(house: House) -> bytes:
    with socket.create_connection(("127.0.0.1", house.port), 30) as line:
        line.sendall(b"GET /v1/infers/svc/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return line.recv(1000)

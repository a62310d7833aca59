"""The program in front of a package's own server: what passes, what is cut, what is refused."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from serving.modelserver.modelyard_server.listening import Listener, parse
from tests.serving.modelserver import ModelServer
from tests.waiting import until

#: lo has to be brought up in a new network; then the program takes over this process
UP = """
import fcntl, os, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
os.execv(sys.argv[1], sys.argv[1:])
"""
#: a network of its own, as in the sandbox; everything else is the host's
ALONE = ("/usr/bin/unshare", "-rn", sys.executable, "-c", UP)

SERVER = """
import os, socket, sys, threading, time
listener = socket.create_server(("", int(os.environ["PORT"])))
LATER = threading.Event()

def head(status, *lines):
    return ("\\r\\n".join(["HTTP/1.1 " + status, *lines, "", ""])).encode()

def read(connection):
    raw = b""
    while b"\\r\\n\\r\\n" not in raw:
        piece = connection.recv(65536)
        if not piece:
            sys.exit()  # this thread: somebody only looked whether the port is open
        raw += piece
    top, _, body = raw.partition(b"\\r\\n\\r\\n")
    lines = top.decode().split("\\r\\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return lines[0].split()[:2], fields, body

def serve(c):
    (method, target), fields, body = read(c)
    path = target.partition("?")[0]
    if path == "/echo":
        while len(body) < int(fields["content-length"]):
            body += c.recv(65536)
        text = (method + " " + target + " ").encode() + body
        c.sendall(head("201 Made", "Content-Length: %d" % len(text), "X-Own: yes",
                       "Connection: X-Secret", "X-Secret: 1", "X-Request-Id: theirs") + text)
    elif path == "/chunks":
        while not body.endswith(b"0\\r\\n\\r\\n"):
            body += c.recv(65536)
        c.sendall(head("200 OK", "Content-Length: 2") + b"ok")
    elif path == "/stream":
        c.sendall(head("200 OK", "Content-Type: text/event-stream"))
        c.sendall(b"data: 1\\n\\n")
        LATER.wait(30)  # house-rule: part of a model
        c.sendall(b"data: 2\\n\\n")
    elif path == "/later":
        LATER.set()
        c.sendall(head("200 OK", "Content-Length: 0"))
    elif path == "/forever":
        c.sendall(head("200 OK"))
        try:
            while True:
                c.sendall(b"x" * 1000)
                time.sleep(0.01)
        except OSError:
            print("caller left", flush=True)
    elif path == "/early":
        c.sendall(head("413 No", "Content-Length: 5") + b"large")
        time.sleep(0.5)
    elif path == "/short":
        c.sendall(head("200 OK", "Content-Length: 100") + b"short")
    elif path == "/garbage":
        c.sendall(b"what is this\\r\\n\\r\\n")
    elif path == "/headers":
        c.sendall(b"HTTP/1.1 200 OK\\r\\n" + b"A: " + b"b" * 300000)
    elif path == "/silent":
        pass
    elif path == "/hang":
        time.sleep(30)
    elif path == "/interim":
        c.sendall(head("103 Early Hints") + head("204 Nothing"))
    c.close()

while True:
    connection = listener.accept()[0]
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ModelServer]]:
    started = []

    def begin(*options: str, program: str = SERVER, alone: bool = True, **own: Any) -> ModelServer:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "serve.py").write_text(program)
        given = {"command": ["python3", "serve.py"], "port": 8080, **own}
        server = ModelServer(
            folder,
            "--own-server",
            json.dumps(given),
            *options,
            before=ALONE if alone else (),
        )
        started.append(server)
        return server

    yield begin
    for server in started:
        server.close()


def ask(
    server: ModelServer, path: str, method: str = "POST", **more: Any
) -> tuple[int, Any, bytes]:
    """One request; returns (status, headers, body)."""

    async def go() -> tuple[int, Any, bytes]:
        async with (
            server.session() as session,
            session.request(method, f"http://model{path}", **more) as answer,
        ):
            return answer.status, answer.headers, await answer.read()

    return asyncio.run(go())


def code(body: bytes) -> str:
    return str(json.loads(body)["error_code"])


def test_status_headers_and_body_pass_both_ways(start: Callable[..., ModelServer]) -> None:
    server = start().wait_ready()
    status, headers, body = ask(server, "/echo?a=%20b", "PUT", data=b"x" * 200_000)
    assert (status, headers["x-own"]) == (201, "yes")
    assert body == b"PUT /echo?a=%20b " + b"x" * 200_000
    assert "x-secret" not in headers, "what speaks about the connection stays on it"
    assert headers["x-request-id"] != "theirs"
    assert ask(server, "/interim", "GET")[0] == 204
    assert ask(server, "/chunks", data=pieces())[2] == b"ok"


async def pieces() -> Any:
    for _ in range(3):
        yield b"piece"


def test_health_is_the_platforms_and_tells_the_proof(start: Callable[..., ModelServer]) -> None:
    server = start().wait_ready()
    status, _headers, body = ask(server, "/health", "GET")
    said = json.loads(body)
    assert (status, said["stage"], said["reason"]) == (200, "ready", "")
    assert said["proof"]["listening"] == ["0.0.0.0:8080"]


def test_a_stream_arrives_piece_by_piece_and_outlives_sigterm(
    start: Callable[..., ModelServer],
) -> None:
    """The second piece is sent only after the first was read, and the drain had begun."""
    server = start("--linger", "0.2").wait_ready()

    async def go() -> bytes:
        async with server.session() as session, session.get("http://model/stream") as answer:
            first = await answer.content.readany()
            async with server.session() as other, other.get("http://model/later") as released:
                assert released.status == 200
            server.process.send_signal(15)
            return first + await answer.content.read()

    assert asyncio.run(go()) == b"data: 1\n\ndata: 2\n\n"
    server.wait(lambda: server.process.poll() is not None)
    assert server.stages()[-2:] == ["draining", "stopped"]


def test_a_caller_who_leaves_ends_the_work(start: Callable[..., ModelServer]) -> None:
    server = start().wait_ready()

    async def go() -> None:
        async with server.session() as session:
            answer = await session.get("http://model/forever")
            await answer.content.readany()
            answer.close()

    asyncio.run(go())
    server.wait(lambda: "caller left" in server.output())


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/silent", 502, "SERVER_GONE"),
        ("/garbage", 502, "SERVER_GONE"),
        ("/headers", 502, "SERVER_GONE"),
        ("/hang", 504, "PREDICT_TIMEOUT"),
    ],
)
def test_answers_that_are_none(
    start: Callable[..., ModelServer], path: str, status: int, word: str
) -> None:
    server = start("--timeout", "0.5" if status == 504 else "60").wait_ready()
    found, _headers, body = ask(server, path, "GET")
    assert (found, code(body)) == (status, word)
    until(lambda: ask(server, "/interim", "GET")[0] == 204)  # within the 0.5 s, where it is one


def test_an_answer_that_stops_short_looks_incomplete(start: Callable[..., ModelServer]) -> None:
    server = start().wait_ready()
    with pytest.raises(aiohttp.ClientPayloadError):
        ask(server, "/short", "GET")
    server.wait(lambda: "The answer was cut." in server.output())


def test_bodies_are_bounded_declared_or_not(start: Callable[..., ModelServer]) -> None:
    server = start("--max-body", "1000").wait_ready()
    status, headers, body = ask(server, "/echo", data=b"x" * 1001)
    assert (status, code(body), headers["connection"]) == (413, "BODY_TOO_LARGE", "close")

    async def much() -> Any:
        for _ in range(5):
            yield b"x" * 300

    status, _headers, body = ask(server, "/chunks", data=much())
    assert (status, code(body)) == (413, "BODY_TOO_LARGE")


def test_an_early_answer_is_passed_on(start: Callable[..., ModelServer]) -> None:
    """A server that refuses a body unread is heard all the same."""
    server = start().wait_ready()

    async def slow() -> Any:
        yield b"x" * 1000
        await asyncio.sleep(30)

    status, headers, body = ask(server, "/early", data=slow())
    assert (status, body, headers["connection"]) == (413, b"large", "close")


def test_too_many_at_once_are_busy(start: Callable[..., ModelServer]) -> None:
    server = start("--concurrency", "1", "--backlog", "0").wait_ready()

    async def go() -> int:
        async with server.session() as session, session.get("http://model/stream") as answer:
            await answer.content.readany()
            async with session.get("http://model/interim") as other:
                assert (await other.json())["error_code"] == "BUSY"
                return other.status

    assert asyncio.run(go()) == 503


def test_while_it_starts_requests_are_refused_with_the_state(
    start: Callable[..., ModelServer],
) -> None:
    server = start(program="import time\ntime.sleep(60)\n")
    server.wait(lambda: server.socket.exists())

    def nothing() -> bool:
        return "Nothing listens" in ask(server, "/health", "GET")[2].decode()

    server.wait(nothing)
    status, headers, body = ask(server, "/", "GET")
    assert (status, code(body), headers["retry-after"]) == (503, "MODEL_LOADING", "1")
    assert "Nothing listens on port 8080." in json.loads(body)["error_msg"]


def test_sigterm_while_starting_ends_command_and_all(start: Callable[..., ModelServer]) -> None:
    server = start(program="import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    server.wait(lambda: "up" in server.output())
    server.process.terminate()
    assert server.exit_status() == 143


def test_a_port_that_does_not_stay_wrong_is_forgiven(start: Callable[..., ModelServer]) -> None:
    """It first listens on localhost, then where it should."""
    program = (
        "import socket, time\n"
        "s = socket.create_server(('127.0.0.1', 8080))\n"
        "time.sleep(1)\n"
        "s.close()\n"
    ) + SERVER
    server = start("--settle", "20", program=program)
    server.wait_ready()
    assert not server.lines("MODELYARD_LOAD_FAILED")


def test_without_a_network_of_its_own_nothing_is_started(
    start: Callable[..., ModelServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port would be the host's: another service, or the console itself, might answer there."""
    routes = Path("/proc/net/route").read_text().splitlines()
    if len(routes) < 2:
        pytest.skip("this host has no network at all")
    server = start(program="open('ran', 'w')\n", alone=False)
    assert server.exit_status() == 78
    [failure] = server.lines("MODELYARD_LOAD_FAILED")
    assert failure["reason"] == "NOT_ISOLATED" and failure["hint"]
    assert not (tmp_path / "model" / "ran").exists()


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0100007F:1F92 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
"""
TABLE6 = """\
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0 0 0 0
   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0 0 0 0 0
   2: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 0 0 0 0 0
"""


def test_the_kernels_tables_are_read() -> None:
    assert parse(TABLE.splitlines()) == {Listener(8080, "127.0.0.1"), Listener(8081, "0.0.0.0")}
    found = sorted(parse(TABLE6.splitlines()))
    assert [str(one) for one in found] == ["[::1]:8080", "[::]:8081", "127.0.0.1:8083"]
    assert [one.everyone for one in found] == [False, True, False]


def test_a_real_listener_stands_in_the_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Path("/proc/net/tcp").open() as table:
        assert Listener(listener.getsockname()[1], "127.0.0.1") in parse(table)

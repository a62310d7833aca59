"""Callers who send slowly or nothing do not stop the web server: a real gunicorn with the console's
worker class, its patience shortened."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.test import Client
from gunicorn.http.parser import Parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from core.sizes import Size
from ops import web_worker
from ops.supervisor.programs import web
from tests.supervisor import hasty

ROOT = Path(__file__).resolve().parents[2]
THREADS = 4
#: seconds after which a test has failed; nothing waits for them to pass
FAILED = 60
HONEST = b"GET /honest HTTP/1.1\r\nHost: x\r\n\r\n"
NO_END = b"GET / HTTP/1.1\r\nHost: x\r\nX-More: "
NO_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab"

Serve = Callable[..., "tuple[str, int]"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts gunicorn with a class of tests/supervisor/hasty.py; gives its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(worker: str, *more: str) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        address: tuple[str, int] = listener.getsockname()
        command = [
            sys.executable, "-m", "gunicorn", "tests.supervisor.hasty:application",
            "--worker-class", f"tests.supervisor.hasty.{worker}",
            "--bind", f"fd://{listener.fileno()}",
            "--threads", str(THREADS),
            "--no-control-socket",
            "--keep-alive", "600",
            *more,
        ]  # fmt: skip
        with (tmp_path / "log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env={**os.environ, "MODELYARD_VAR": str(tmp_path)},
                    pass_fds=[listener.fileno()],
                    stderr=log,
                    start_new_session=True,
                )
            )
        listener.close()
        assert ask(address) == 0, (tmp_path / "log").read_text()
        return address

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Cut:
    """The body of a request on a connection that was cut."""

    def __init__(self, caller: web_worker.CallerSocket) -> None:
        self.read = self.readline = caller.recv


def connect(address: tuple[str, int], said: bytes = b"") -> socket.socket:
    caller = socket.create_connection(address, timeout=FAILED)
    caller.sendall(said)
    return caller


def answer(caller: socket.socket) -> tuple[int, int]:
    """Status, and how many bytes the application found."""
    with caller.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        length = 0
        while (line := lines.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, json.loads(lines.read(length))["found"]


def ask(address: tuple[str, int]) -> int:
    with connect(address, HONEST) as caller:
        status, found = answer(caller)
    assert status == 200
    return found


def gone(caller: socket.socket) -> bool:
    """Waits until the server has closed the connection."""
    with contextlib.suppress(ConnectionResetError):
        while caller.recv(4096):
            pass
    return True


def size_of(caller: socket.socket) -> int:
    """Bytes of the answer's body that came before the server closed, taken with pauses."""
    size = 0
    with caller.makefile("rb") as answer, contextlib.suppress(ConnectionResetError):
        while answer.readline().strip():
            pass
        while data := answer.read1(1 << 20):
            size += len(data)
            time.sleep(0.002)
    return size


@contextlib.contextmanager
def many(address: tuple[str, int], said: bytes, number: int = 60) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(address, said)) for _ in range(number)]


@pytest.mark.parametrize("said", [NO_END, NO_BODY, b""], ids=["headers", "body", "silent"])
def test_an_honest_request_is_answered_among_sixty_unfinished_ones(
    serve: Serve, said: bytes
) -> None:
    address = serve("Pressed")
    with many(address, said):
        assert ask(address) == 0


def test_dripping_bytes_does_not_hold_a_thread(serve: Serve) -> None:
    """Each byte comes before the patience with one recv ends; together they are too slow."""
    address = serve("Pressed")
    with many(address, NO_END, THREADS) as slow, ThreadPoolExecutor(1) as other:
        honest = other.submit(ask, address)
        end = time.monotonic() + FAILED
        while not honest.done() and time.monotonic() < end:
            for caller in slow:
                with contextlib.suppress(OSError):
                    caller.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                honest.result(0.02)
        assert honest.done()
        assert honest.result() == 0


@pytest.mark.parametrize("said", [NO_END, b""], ids=["headers", "silent"])
def test_without_pressure_patience_ends_as_well(serve: Serve, said: bytes) -> None:
    address = serve("Hasty", "--keep-alive", "1")
    with connect(address, said) as slow:
        assert gone(slow)


def test_the_sender_of_half_a_body_is_told(serve: Serve) -> None:
    address = serve("Hasty")
    with connect(address, NO_BODY) as slow:
        assert answer(slow) == (400, 0)
        assert gone(slow)


def test_callers_who_do_not_close_keep_nobody_waiting(serve: Serve) -> None:
    """They were answered and stay: gunicorn itself would accept nobody for two seconds each."""
    address = serve("Lingering")
    with many(address, b"GET / HTTP/1.0\r\n\r\n", 40) as staying:
        for caller in staying:
            assert answer(caller)[0] == 200
        assert ask(address) == 0


@pytest.mark.parametrize("path", [b"/large", b"/file"])
def test_callers_who_do_not_read_keep_nobody_waiting(serve: Serve, path: bytes) -> None:
    """As many as there are threads ask for much and take nothing."""
    address = serve("Pressed")
    with many(address, b"GET %s HTTP/1.0\r\n\r\n" % path, THREADS) as deaf:
        assert ask(address) == 0
        assert min(map(size_of, deaf)) < hasty.LARGE


@pytest.mark.parametrize("path", [b"/large", b"/file"])
def test_who_takes_nothing_is_cut_without_pressure_too(serve: Serve, path: bytes) -> None:
    """Whatever the bytes have earned that the kernel took for him."""
    address = serve("Hasty")
    with connect(address, b"GET %s HTTP/1.0\r\n\r\n" % path) as deaf:
        for _round in range(5):  # each is cut after PATIENCE; together they outlast STALLED
            with connect(address, NO_END) as slower:
                assert gone(slower)
        assert size_of(deaf) < hasty.LARGE


@pytest.mark.parametrize("path", [b"/large", b"/file"])
def test_a_large_answer_arrives_whole(serve: Serve, path: bytes) -> None:
    """Read slowly, and with more callers than threads."""
    address = serve("Hasty")
    asked = many(address, b"GET %s HTTP/1.0\r\n\r\n" % path, THREADS)
    with asked as callers, ThreadPoolExecutor(THREADS) as readers:
        found = list(readers.map(size_of, callers))
    assert found == [hasty.LARGE] * THREADS


def test_the_oldest_silent_connection_makes_room(serve: Serve) -> None:
    address = serve("Pressed", "--worker-connections", "8")
    with many(address, b"", 20) as silent:
        assert ask(address) == 0
        assert gone(silent[0])


def test_a_slow_upload_arrives_whole(serve: Serve) -> None:
    """It pauses for longer than an unfinished request could, and has earned that by its bytes."""
    address = serve("Hasty")
    size = 256 * 1024
    with connect(address) as caller:
        caller.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * size))
        caller.sendall(b"x" * size)
        with connect(address, NO_END) as slower:
            assert gone(slower)  # begun later, and already past its time
        caller.sendall(b"x" * size)
        assert answer(caller) == (200, 2 * size)


def test_each_request_of_a_kept_connection_counts_anew(serve: Serve) -> None:
    address = serve("Hasty")
    with connect(address) as caller:
        for _ in range(3):
            caller.sendall(HONEST)
            assert answer(caller) == (200, 0)
            with connect(address, NO_END) as slower:
                assert gone(slower)
        size = 2 * 1024 * 1024
        caller.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        caller.sendall(b"x" * size)
        assert answer(caller) == (200, size)
        caller.sendall(NO_BODY)  # what the upload earned is spent: it would last two minutes
        assert answer(caller) == (400, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_that_was_cut_is_no_fault_of_ours(kind: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs, web_worker.CallerSocket(ours, 1.0) as caller:
        caller.cut_off()
        browser = Client(raise_request_exception=False)
        said = browser.generic(
            "POST", "/sign-in", "x", content_type=kind, **{"wsgi.input": Cut(caller)}
        )
    assert said.status_code == 400
    assert b"before its announced length" in said.content


def test_what_is_built_on_is_there() -> None:
    """The few things of gunicorn that the worker class relies on beyond its documentation."""
    for name in (
        "enqueue_req",
        "finish_request",
        "handle",
        "wait_for_and_dispatch_events",
        "on_pending_socket_readable",
        "murder_pending",
        "murder_keepalived",
        "_cap_keepalive",
    ):
        assert callable(getattr(ThreadWorker, name)), name
    made = inspect.getsource(ThreadWorker.__init__)
    for name in ("worker_connections", "nr_conns", "pending_conns", "keepalived_conns"):
        assert f"self.{name} = " in made, name
    kept = inspect.getsource(TConn.__init__)
    for name in ("sock", "timeout", "initialized", "data_ready"):
        assert f"self.{name} = " in kept, name
    assert "self.enqueue_req(conn)" in inspect.getsource(ThreadWorker.accept)
    assert "self.sock.recv(" in inspect.getsource(SocketUnreader.chunk)
    assert "SocketUnreader(source)" in inspect.getsource(Parser.__init__)
    loop = inspect.getsource(ThreadWorker.run)
    assert loop.index("self.wait_for_and_dispatch_events") < loop.index("self.murder_pending")


def test_the_console_runs_under_it() -> None:
    argv = web("127.0.0.1", 8000, Size()).argv
    named = argv[argv.index("--worker-class") + 1]
    assert named == f"{web_worker.__name__}.{web_worker.SlowClientWorker.__qualname__}"

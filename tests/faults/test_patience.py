"""A runner outlives an absence of the platform and a full disk, and gives up in bounded time."""

from __future__ import annotations

import errno
import hashlib
import http.server
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import worker_ready

from compute import local, tasks
from compute.runner import state as states
from compute.runner.log import WAITING, LogWriter, end_offset, read_log
from compute.runner.state import State, StateFile, read_state, write_atomic
from compute.runner.storage import ADDRESS, Client, StorageError
from ops.supervisor import ports
from tests.waiting import PATIENCE

PAUSES = (0.05, 0.1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: list[int] = []
    stored: dict[str, list[bytes]] = {}

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 201
        if status == 201:
            self.stored.setdefault(self.path, []).append(body)
        text = b"{}"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        """A file without a digest, broken off the first time."""
        data = b"picture" * 10_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        broken = not self.stored
        self.stored.setdefault(self.path, []).append(b"")
        self.wfile.write(data[:1000] if broken else data)
        self.close_connection = broken

    def log_message(self, *args: Any) -> None:
        """Silence."""


class Place:
    """An address where a server may come up later."""

    def __init__(self) -> None:
        self.port = ports.choose()
        self._server: http.server.ThreadingHTTPServer | None = None
        Handler.answers, Handler.stored = [], {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def open(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.close()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights" * 1000)
    (tmp_path / "credential").write_text("my_x_y")
    return path


def put(client: Client, path: Path, key: str = "model.bin") -> None:
    content = path.read_bytes()
    with path.open("rb") as file:
        client.put("b", key, file.fileno(), len(content), hashlib.sha256(content).hexdigest())


def client_of(
    place: Place, output: Path, tick: Callable[[], object] = lambda: None, **options: Any
) -> Client:
    credential = output.with_name("credential")
    return Client(place.url, str(credential), tick, PAUSES, **{"patience": PATIENCE, **options})


class TestAbsence:
    def test_a_server_that_comes_back_gets_the_file_once(self, place: Place, output: Path) -> None:
        ticks = itertools.count(1)

        def tick() -> None:
            """The heartbeat, which goes on meanwhile."""
            if next(ticks) == 9:  # more than there are different pauses
                place.open()

        client = client_of(place, output, tick)
        put(client, output)
        client.close()
        assert [len(bodies) for bodies in Handler.stored.values()] == [1]
        assert Handler.stored.popitem()[1][0] == output.read_bytes()

    @pytest.mark.parametrize("status", [500, 502, 503, 507])
    def test_answers_that_pass_are_waited_for(
        self, place: Place, output: Path, status: int
    ) -> None:
        place.open()
        Handler.answers[:] = [status] * 5  # more than there are different pauses
        client = client_of(place, output)
        put(client, output)
        client.close()
        assert [len(bodies) for bodies in Handler.stored.values()] == [1]

    def test_a_file_that_breaks_off_is_fetched_again(self, place: Place, output: Path) -> None:
        place.open()
        client = client_of(place, output)
        got = output.with_name("got")
        assert client.get("b", "picture.bin", got)[1] == 70_000
        client.close()
        assert got.read_bytes() == b"picture" * 10_000
        assert [len(asked) for asked in Handler.stored.values()] == [2]

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_a_refusal_is_final(self, place: Place, output: Path, status: int) -> None:
        place.open()
        Handler.answers[:] = [status]
        client = client_of(place, output)
        with pytest.raises(StorageError) as refused:
            put(client, output)
        assert refused.value.status == status
        assert Handler.stored == {}

    def test_it_is_given_up_once_and_not_again_for_every_file(
        self, place: Place, output: Path
    ) -> None:
        ticks: list[int] = []  # one for each try, and more in each pause
        client = client_of(place, output, lambda: ticks.append(1), patience=0.5)
        with pytest.raises(StorageError):
            put(client, output)
        assert len(ticks) > 2
        ticks.clear()
        for number in range(20):
            with pytest.raises(StorageError):
                put(client, output, f"part-{number}")
        assert len(ticks) == 20, "each further file is tried once"

    def test_a_new_credential_is_read_every_time(self, place: Place, output: Path) -> None:
        client = client_of(place, output)
        output.with_name("credential").unlink()

        def come_back() -> None:
            output.with_name("credential").write_text("my_new_one")
            place.open()

        back = threading.Timer(0.3, come_back)
        back.start()
        put(client, output)
        client.close()
        back.join()
        assert len(Handler.stored) == 1


class TestAddress:
    """The platform was started again on another port while an attempt ran."""

    def test_the_address_beside_the_credential_is_followed(
        self, place: Place, output: Path
    ) -> None:
        place.open()
        elsewhere = Place()
        elsewhere.open()
        client = client_of(place, output)
        put(client, output, "before.bin")
        place.close()
        Handler.stored.clear()
        told = output.with_name(ADDRESS)
        threading.Timer(0.3, lambda: told.write_text(elsewhere.url)).start()
        try:
            put(client, output, "after.bin")
        finally:
            client.close()
            elsewhere.close()
        assert [path.rpartition("/")[2] for path in Handler.stored] == ["after.bin"]

    @pytest.mark.parametrize("text", ["", "ftp://elsewhere", "no address", "\xfc"])
    def test_what_is_no_address_changes_nothing(
        self, place: Place, output: Path, text: str
    ) -> None:
        place.open()
        output.with_name(ADDRESS).write_text(text, encoding="latin-1")
        client = client_of(place, output)
        put(client, output)
        client.close()
        assert len(Handler.stored) == 1

    def test_every_worker_that_starts_tells_it(self, settings: Any, tmp_path: Path) -> None:
        settings.VAR_DIR = tmp_path / "var"
        settings.WEB_URL = "http://127.0.0.1:4242"
        assert tasks.tell_address in [told() for _key, told in worker_ready.receivers]
        worker_ready.send(sender=None)
        told = local.credential_file(ADDRESS)
        assert told.read_text() == "http://127.0.0.1:4242/api/v1"
        assert told.stat().st_mode & 0o777 == 0o600
        settings.WEB_URL = "http://127.0.0.1:4343"
        worker_ready.send(sender=None)
        assert told.read_text() == "http://127.0.0.1:4343/api/v1"


class TestFullDiskLog:
    """Lines that a program prints while the disk is full."""

    @pytest.fixture
    def room(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        there = [True]
        write = os.write

        def limited(descriptor: int, data: Any) -> int:
            if not there[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, data)

        monkeypatch.setattr("compute.runner.log.os.write", limited)
        return there

    def test_they_are_kept_in_order(self, room: list[bool], tmp_path: Path) -> None:
        log = LogWriter(tmp_path / "log", 1 << 20)
        log.write(b"one\n")
        room[0] = False
        log.write(b"two\n")
        log.note("three")
        assert log.flush() is False
        assert log.tail(100) == b"one\ntwo\n", "the program's own words: classified by them"
        assert read_log(tmp_path / "log", 0, 100)[0] == b"one\n"
        room[0] = True
        log.write(b"four\n")
        assert log.flush() is True
        assert read_log(tmp_path / "log", 0, 100)[0] == b"one\ntwo\n[modelyard] three\nfour\n"

    def test_memory_is_bounded(self, room: list[bool], tmp_path: Path) -> None:
        log = LogWriter(tmp_path / "log", 64 << 20)
        room[0] = False
        for _piece in range(40):
            log.write(b"x" * 65536)
        room[0] = True
        assert log.flush() is True
        assert end_offset(tmp_path / "log") == WAITING

    def test_the_end_of_the_attempt_waits_for_them(self, room: list[bool], tmp_path: Path) -> None:
        log = LogWriter(tmp_path / "log", 1 << 20)
        file = StateFile(tmp_path / "state.json", State("a", 1, "job"))
        room[0] = False
        log.note("the last words")
        freed = threading.Timer(0.7, lambda: room.__setitem__(0, True))
        freed.start()
        file.finish(log.flush)
        freed.join()
        assert read_state(file.path)["phase"] == "exited"
        assert read_log(tmp_path / "log", 0, 100)[0].endswith(b"the last words\n")


class TestFullDisk:
    @pytest.fixture
    def room(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """[False] makes every state file meet a full disk."""
        there = [True]
        write = Path.write_bytes

        def limited(path: Path, data: Any) -> int:
            if not there[0]:
                write(path, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(path, data)

        monkeypatch.setattr(Path, "write_bytes", limited)
        return there

    def test_no_half_file_and_no_leftover(self, room: list[bool], tmp_path: Path) -> None:
        path = tmp_path / "state.json"
        write_atomic(path, "old")
        room[0] = False
        with pytest.raises(OSError, match="No space"):
            write_atomic(path, "new and longer")
        assert path.read_text() == "old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]

    def test_an_attempt_looks_silent_and_goes_on(self, room: list[bool], tmp_path: Path) -> None:
        file = StateFile(tmp_path / "state.json", State("a", 1, "job"))
        file.enter("running", "running")
        room[0] = False
        assert file.beat(0.0) is False
        file.enter("uploading", "uploading outputs")
        assert read_state(file.path)["phase"] == "running", "the last truth that fitted"
        room[0] = True
        assert file.beat(0.0) is True
        seen = read_state(file.path)
        assert (seen["phase"], len(seen["stages"])) == ("uploading", 2)

    def test_the_end_waits_for_room(self, room: list[bool], tmp_path: Path) -> None:
        file = StateFile(tmp_path / "state.json", State("a", 1, "job"))
        room[0] = False
        file.state.outcome = "succeeded"
        freed = threading.Timer(0.7, lambda: room.__setitem__(0, True))
        freed.start()
        file.finish()
        freed.join()
        assert read_state(file.path)["outcome"] == "succeeded"
        assert read_state(file.path)["phase"] == "exited"

    def test_the_end_does_not_wait_for_ever(
        self, room: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(states, "ROOM_SECONDS", 0.2)
        file = StateFile(tmp_path / "state.json", State("a", 1, "job"))
        room[0] = False
        with pytest.raises(OSError, match="No space"):
            file.finish()

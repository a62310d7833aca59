"""The pieces of the supervisor one by one: lock, logs, ports, broker, environment, stamps."""

import errno
import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.sizes import Size
from ops.supervisor import (
    broker,
    environment,
    lock,
    logs,
    ports,
    probes,
    procfs,
    stamps,
    supervisor,
)
from ops.supervisor.process import Life, Program
from ops.supervisor.programs import web


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- lock ----------------------------------------------------------------------------------------


def test_a_lock_names_its_living_holder_and_is_free_afterwards(tmp_path):
    path = tmp_path / "run" / "supervisor.lock"
    path.parent.mkdir()
    with lock.Lock(path) as held:
        assert held.holder() == os.getpid()
        with pytest.raises(lock.AlreadyRunning, match=rf"process {os.getpid()}\)"):
            lock.Lock(path).__enter__()
    assert lock.Lock(path).holder() is None
    with lock.Lock(path):
        pass


def test_a_note_of_a_dead_holder_or_a_reused_number_counts_for_nothing(tmp_path):
    path = tmp_path / "supervisor.lock"
    path.write_text(json.dumps({"pid": os.getpid(), "started": 1}))
    assert lock.Lock(path).holder() is None
    path.write_text("{")
    assert lock.Lock(path).holder() is None
    with lock.Lock(path) as held:
        assert held.holder() == os.getpid()


def test_the_sweep_leaves_a_stranger_alone_who_has_a_recorded_number(tmp_path):
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True
    )
    try:
        state = tmp_path / "state.json"
        lock.record(state, {}, [lock.Child("web", stranger.pid, 1)])
        assert mode(state) == 0o600
        assert lock.sweep(state, tmp_path, patience=0) == []
        assert stranger.poll() is None
        assert not state.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_is_known_by_number_and_start(tmp_path):
    own = procfs.stat(os.getpid())
    assert own and procfs.alive(own.pid, own.started)
    assert not procfs.alive(own.pid, own.started + 1)
    assert procfs.stat(2**22 + 1) is None
    assert os.getpid() in procfs.session_members(own.session)


# -- logs ----------------------------------------------------------------------------------------


def test_rotation_keeps_three_older_files(tmp_path):
    path = tmp_path / "web.log"
    for text in "abcde":
        path.write_text(text * 10)
        logs.rotate(path, limit=10)
        assert not path.exists()
    kept = {file.name: file.read_text()[0] for file in tmp_path.iterdir()}
    assert kept == {"web.log.1": "e", "web.log.2": "d", "web.log.3": "c"}
    path.write_text("short")
    logs.rotate(path, limit=10)
    assert path.read_text() == "short"


def test_a_follower_gives_whole_lines_once_and_survives_rotation(tmp_path):
    path = tmp_path / "web.log"
    path.write_text("before\n")
    follower = logs.Follower(path)
    with path.open("a") as stream:
        stream.write("one\ntw")
        stream.flush()
        assert follower.new_lines() == ["one"]
        stream.write("o\n")
        stream.flush()
        assert follower.new_lines() == ["two"]
    path.write_text("x\n")
    assert follower.new_lines() == ["x"]


def test_last_words_are_those_of_this_life(tmp_path):
    path = tmp_path / "web.log"
    path.write_text("of an earlier life\n")
    life = Life(
        Program("web", (sys.executable, "-c", "print('mine')")),
        log=path,
        environment=os.environ,
        folder=tmp_path,
    )
    os.waitid(os.P_PID, life.pid, os.WEXITED | os.WNOWAIT)
    assert life.ended()
    assert life.last_words() == ["mine"]
    assert life.reap() == 0
    assert mode(path) in (0o600, 0o644)


# -- ports ---------------------------------------------------------------------------------------


def test_a_taken_port_is_named_with_the_option_that_changes_it():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        with pytest.raises(ports.PortTaken, match=rf"port {port}: Address already.*--port \d+"):
            ports.claim("127.0.0.1", port, "--port")
    assert ports.claim("127.0.0.1", port, "--port") == port


def test_port_zero_becomes_a_free_one():
    assert ports.is_free("127.0.0.1", ports.claim("127.0.0.1", 0, "--port"))


def test_a_chosen_port_is_one_that_the_kernel_gives_to_no_caller(tmp_path, monkeypatch):
    """A server that is started a minute later still finds it free."""
    given = tmp_path / "range"
    monkeypatch.setattr(ports, "GIVEN_TO_CALLERS", given)
    given.write_text("10100\t60999\n")
    assert {ports.choose() // 100 for _ in range(20)} == {100}
    for text in ("1024\t65535\n", "", "none"):
        given.write_text(text)
        assert ports.is_free("127.0.0.1", ports.choose())


def test_a_port_is_remembered_while_it_is_free(tmp_path):
    note = tmp_path / "port"
    port = ports.remembered(note)
    assert ports.remembered(note) == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        moved = ports.remembered(note)
    assert moved != port
    assert int(note.read_text()) == moved


# -- broker --------------------------------------------------------------------------------------


def test_the_broker_serves_with_its_password_only_and_keeps_nothing_on_disk(tmp_path):
    import redis

    folder = tmp_path / 'a "quoted" folder'
    folder.mkdir()

    def run() -> tuple[Life, redis.Redis]:
        prepared = broker.prepare(folder)
        program = Program("broker", prepared.argv, ready=probes.redis_answers(prepared.url))
        life = Life(program, log=folder / "log", environment=os.environ, folder=folder)
        client = redis.Redis.from_url(prepared.url, socket_timeout=5)
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 100)
        client.set_retry(retry)
        assert client.ping(), life.last_words()
        return life, client

    life, client = run()
    try:
        client.lpush("queue", "look at 1")
        port = client.get_connection_kwargs()["port"]
        with (
            redis.Redis(port=port) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        secret = client.get_connection_kwargs()["password"]
        assert secret not in " ".join(life.program.argv)
        for name in ("password", "valkey.conf", "url"):
            assert mode(folder / name) == 0o600
        client.close()
        life.reap()
        life, client = run()
        assert client.lrange("queue", 0, -1) == [], "a message only points at a row"
        kept = {path.name for path in folder.iterdir()} - {"log"}
        assert kept == {"password", "port", "url", "valkey.conf"}, "a full disk stops nothing"
        client.close()
    finally:
        life.reap()


def test_without_any_server_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(broker.NoServer, match=r"apt-get install redis-server.*REDIS_URL"):
        broker.find_server()


def test_probes_of_nothing_are_false_and_do_not_raise():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert probes.http_ok(f"http://127.0.0.1:{port}/healthz")() is False
        assert probes.redis_answers(f"redis://127.0.0.1:{port}/0")() is False
        assert probes.worker_answers(f"redis://127.0.0.1:{port}/0", "worker@x", "")() is False


def test_a_broker_that_dies_between_two_questions_is_an_answer(monkeypatch):
    """It answered PING a moment before; the question to the worker then finds nobody."""
    monkeypatch.setattr(probes, "redis_answers", lambda url: lambda: True)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert probes.worker_answers(f"redis://127.0.0.1:{port}/0", "worker@x", "")() is False


def test_a_question_that_fails_does_not_take_down_what_runs(tmp_path):
    lines = []

    class Listener:
        def say(self, text):
            lines.append(text)

    def broken():
        raise RuntimeError("a bug in a probe")

    watched = supervisor.Supervisor(
        var=tmp_path, folder=tmp_path, log_of=lambda name: tmp_path / name,
        state=tmp_path / "state.json", environment={}, reporter=Listener(),
    )  # fmt: skip
    assert watched._answers(Program("web", ("true",), ready=broken)) is False
    assert lines == ["asking web failed: RuntimeError('a bug in a probe')"]


def test_a_full_disk_does_not_stop_the_loop(tmp_path, monkeypatch):
    lines = []

    class Listener:
        def say(self, text):
            lines.append(text)

    watched = supervisor.Supervisor(
        var=tmp_path, folder=tmp_path, log_of=lambda name: tmp_path / name,
        state=tmp_path / "state.json", environment={}, reporter=Listener(),
    )  # fmt: skip
    with monkeypatch.context() as full:
        full.setattr(supervisor.lock.json, "dump", no_room)
        watched._record()
        watched._record()
    assert [line.partition(":")[0] for line in lines] == ["what runs could not be written down"]
    assert list(tmp_path.iterdir()) == []
    watched.tick()
    assert (tmp_path / "state.json").exists(), "written as soon as there is room"


def no_room(*_arguments, **_options):
    raise OSError(errno.ENOSPC, "No space left on device")


# -- environment ---------------------------------------------------------------------------------


def test_keys_are_made_once_and_private(tmp_path):
    path = tmp_path / "secrets.json"
    environment.ensure_secrets(path)
    first = path.read_text()
    assert len(json.loads(first)["SECRET_KEY"]) >= 50
    assert mode(path) == 0o600
    path.chmod(0o644)
    environment.ensure_secrets(path)
    assert path.read_text() == first
    assert mode(path) == 0o600


def test_other_keys_in_the_file_are_kept(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text('{"OTHER": "x"}')
    environment.ensure_secrets(path)
    assert json.loads(path.read_text())["OTHER"] == "x"


def test_a_damaged_file_of_keys_is_never_replaced(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text('{"SECRET_KEY": "abc')
    with pytest.raises(environment.SecretsUnreadable, match="Restore it from a backup"):
        environment.ensure_secrets(path)
    assert path.read_text() == '{"SECRET_KEY": "abc'


@pytest.mark.parametrize(
    ("host", "url", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:81", "127.0.0.1,localhost,[::1]"),
        ("::1", "http://[::1]:81", "127.0.0.1,localhost,[::1]"),
        ("10.0.0.5", "http://10.0.0.5:81", "127.0.0.1,localhost,[::1],10.0.0.5"),
        ("0.0.0.0", "http://127.0.0.1:81", f"127.0.0.1,localhost,[::1],{os.uname().nodename}"),
    ],
)
def test_children_learn_the_addresses(tmp_path, host, url, allowed):
    given = environment.child_environment(
        {"HOME": "/h"}, var=tmp_path, redis_url="redis://x", host=host, port=81, gateway_port=82
    )
    assert given["MODELYARD_WEB_URL"] == url
    assert given["MODELYARD_GATEWAY_URL"] == url.replace("81", "82")
    assert given["MODELYARD_ALLOWED_HOSTS"] == allowed
    assert (given["HOME"], given["REDIS_URL"]) == ("/h", "redis://x")
    assert given["MODELYARD_VAR"] == str(tmp_path)


def test_the_operators_public_address_wins_over_the_listening_one(tmp_path):
    given = environment.child_environment(
        {"MODELYARD_WEB_URL": "https://yard.example", "MODELYARD_GATEWAY_URL": " "},
        var=tmp_path,
        redis_url="redis://x",
        host="127.0.0.1",
        port=81,
        gateway_port=82,
    )
    assert given["MODELYARD_WEB_URL"] == "https://yard.example"
    assert given["MODELYARD_GATEWAY_URL"] == "http://127.0.0.1:82"


def test_sizes_come_from_the_environment():
    assert Size.read({"MODELYARD_WEB_THREADS": "4"}) == Size(web_threads=4)
    with pytest.raises(ValueError, match="MODELYARD_WORKER_PROCESSES='0'"):
        Size.read({"MODELYARD_WORKER_PROCESSES": "0"})


# -- stamps --------------------------------------------------------------------------------------


def test_stamps_change_with_content_names_and_boundaries(tmp_path):
    file = tmp_path / "0001_initial.py"
    file.write_text("a")
    first = stamps.contents([file])
    file.write_text("b")
    assert stamps.contents([file]) != first
    before = stamps.listing([tmp_path])
    (tmp_path / "more").write_text("")
    assert stamps.listing([tmp_path]) != before
    assert stamps.digest(["ab", "c"]) != stamps.digest(["a", "bc"])
    stamp = tmp_path / "stamp"
    assert not stamps.current(stamp, first)
    stamps.keep(stamp, first)
    assert stamps.current(stamp, first)


@pytest.mark.parametrize(
    ("set_by_operator", "heaps"), [({}, "2"), ({"MALLOC_ARENA_MAX": "7"}, "7")]
)
def test_the_web_process_gets_few_heaps_unless_the_operator_says_otherwise(
    tmp_path, set_by_operator, heaps
):
    shown = (sys.executable, "-c", "import os; print(os.environ['MALLOC_ARENA_MAX'])")
    program = replace(web("127.0.0.1", 81, Size()), argv=shown)
    base = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    life = Life(program, log=tmp_path / "log", environment=base | set_by_operator, folder=tmp_path)
    os.waitid(os.P_PID, life.pid, os.WEXITED | os.WNOWAIT)
    assert life.last_words() == [heaps]
    assert life.reap() == 0

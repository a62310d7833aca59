"""Runners are forked by a process that has read their modules, and are none the worse for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from compute.backends import start
from compute.backends.base import BackendError
from compute.sandbox import capabilities
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"


def folder(lab: Lab) -> Path:
    return lab.backend.root / "starters"


def starters(lab: Lab) -> list[int]:
    """Processes whose command line names this installation's socket."""
    mark, found = os.fsencode(folder(lab)), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
                here = (entry / "cwd").readlink()
            except OSError:
                continue
            if b"compute.runner.starter" in line and mark in line and here == start.PROJECT:
                found.append(int(entry.name))
    return found


def pid_of(lab: Lab, attempt: str) -> int:
    return int(until(lambda: lab.backend.observe(attempt).state)["pid"])


def stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def ready(lab: Lab) -> int:
    """The one starter, once it listens. A runner that it forks looks like it for a moment."""
    until(lambda: list(folder(lab).glob("*.sock")))
    return int(until(lambda: (found := starters(lab)) and len(found) == 1 and found)[0])


def test_the_second_runner_comes_from_the_starter_and_is_its_own_process(lab: Lab) -> None:
    first = lab.launch(lab.spec(HOLD))
    starter = ready(lab)
    second = lab.launch(lab.spec(HOLD))
    # A forked runner looks like its starter for the moment until it has its own directory.
    until(lambda: starters(lab) == [starter])
    for attempt in (first, second):
        pid = pid_of(lab, attempt)
        assert stat(pid)[1] != str(starter), "nobody's child"
        assert os.getsid(pid) not in (os.getsid(0), os.getsid(starter)), "a session of its own"
        assert Path(f"/proc/{pid}/cwd").readlink() == lab.backend.directory(attempt)
        assert Path(f"/proc/{pid}/comm").read_text().strip() == f"runner {attempt[:8]}"
        until(lambda attempt=attempt: lab.backend.observe(attempt).phase == "running")
        streams = [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]
        errors = str(lab.backend.directory(attempt) / "runner.err")
        assert streams == ["/dev/null", errors, errors]
        held = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [name for name in held if name.startswith("socket:")], "not the starter's"
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        names = {entry.partition(b"=")[0].decode() for entry in environment if entry}
        assert names <= {*start.runner_env(), "LC_CTYPE"}


def test_runners_outlive_their_starter_and_the_next_launch_has_a_new_one(lab: Lab) -> None:
    first = lab.launch(lab.spec(HOLD))
    starter = ready(lab)
    os.kill(starter, signal.SIGKILL)
    until(lambda: not starters(lab))
    seen = lab.run("print('after')")
    assert seen.state["outcome"] == "succeeded"
    assert ready(lab) != starter
    assert lab.backend.observe(first).alive


def test_a_starter_whose_socket_is_gone_ends(lab: Lab) -> None:
    lab.run("print('one')")
    ready(lab)
    for path in folder(lab).glob("*.sock"):
        path.unlink()
    until(lambda: not starters(lab))


def test_it_ends_when_the_platform_rests_and_runners_go_on(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    ready(lab)
    (folder(lab) / "0123456789abcdef.sock").touch()  # as one that was killed leaves it
    lab.backend.rest()
    assert starters(lab) == []
    assert list(folder(lab).iterdir()) == []
    assert lab.backend.observe(attempt).alive
    lab.backend.rest()  # nobody is there: no error


def test_many_launches_at_once_start_each_attempt_once(lab: Lab) -> None:
    specs = [lab.spec("print('once')") for _number in range(6)]
    threads = [threading.Thread(target=lab.launch, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for spec in specs:
        assert lab.wait(spec.attempt).state["outcome"] == "succeeded"
        assert lab.log(spec.attempt).count("once") == 1
    until(lambda: len(starters(lab)) == 1)


@pytest.mark.parametrize("answers", [b"", None])
def test_a_starter_that_does_not_answer_is_replaced(lab: Lab, answers: bytes | None) -> None:
    """It breaks off, or the socket is a dead one."""
    folder(lab).mkdir(parents=True, mode=0o700)
    path = folder(lab) / f"{start.version()}.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as fake:
        os.chdir(folder(lab))
        try:
            fake.bind(path.name)
        finally:
            os.chdir(start.PROJECT)
        if answers is None:
            fake.close()
        else:
            fake.listen(1)
            threading.Thread(target=lambda: fake.accept()[0].close()).start()
        assert lab.run("print('done')").state["outcome"] == "succeeded"
    ready(lab)


def test_a_fault_of_the_starter_is_told(lab: Lab) -> None:
    lab.run("print('one')")
    ready(lab)
    path = folder(lab) / f"{start.version()}.sock"
    assert "KeyError" in start.ask(path, b'{"spec": "x"}')
    assert "Decode" in start.ask(path, b"no order")
    assert lab.run("print('two')").state["outcome"] == "succeeded"


def test_a_refusal_reaches_the_caller(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "ask", lambda path, order: "no more processes")
    with pytest.raises(BackendError, match="no more processes"):
        lab.backend.launch(lab.spec("print('never')"))


def test_other_code_or_another_environment_asks_another_starter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = start.version()
    monkeypatch.setenv("MODELYARD_CGROUP", "/sys/fs/cgroup/other")
    other = start.version()
    monkeypatch.undo()
    assert start.version() == before != other
    monkeypatch.setattr(start, "code", lambda: (("run.py", 1),))
    assert start.version() != before

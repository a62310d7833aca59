"""The local backend: launching, adopting, observing, stopping, cleaning up."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from compute.backends import (
    AttemptConflict,
    BackendError,
    LocalBackend,
    UnknownAttempt,
)
from compute.backends.proof import is_process, kill_process
from compute.engines.hold import claim
from compute.runner.state import process_start
from compute.sandbox import capabilities
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"


def test_launch_does_not_wait_for_the_program_and_leaves_no_child(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))  # which never ends
    assert lab.backend.observe(attempt).phase in ("launching", "preparing", "running")
    state = until(lambda: lab.backend.observe(attempt).state)
    parent = Path(f"/proc/{state['pid']}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) != os.getpid()
    assert os.getsid(state["pid"]) != os.getsid(0)
    until(lambda: lab.backend.observe(attempt).phase == "running")
    assert lab.backend.observe(attempt).heartbeat_age < 60


def test_second_launch_adopts_and_a_different_one_is_refused(lab: Lab) -> None:
    spec = lab.spec(HOLD)
    attempt = lab.launch(spec)
    first = until(lambda: lab.backend.observe(attempt).state)["pid"]
    lab.backend.launch(spec)
    LocalBackend(lab.root / "var", lab.backend.socket_path("x").parent.parent).launch(spec)
    assert lab.backend.observe(attempt).state["pid"] == first
    with pytest.raises(AttemptConflict, match="token 1, not 2"):
        lab.backend.launch(replace(spec, token=2))
    with pytest.raises(AttemptConflict, match="another specification"):
        lab.backend.launch(replace(spec, env={"A": "1"}))


def test_an_engine_is_held_as_long_as_something_runs_from_it(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: lab.backend.observe(attempt).phase == "running")
    assert claim(lab.engine) is None
    lab.backend.stop(attempt, 0.0)
    lab.wait(attempt)
    descriptor = until(lambda: claim(lab.engine))
    refused = lab.run("print('never')")
    os.close(descriptor)
    assert refused.state["reason_code"] == "ENGINE_MISSING", "it is being removed"


def test_finished_attempt_is_not_started_again(lab: Lab) -> None:
    spec = lab.spec("print('once')")
    seen = lab.wait(lab.launch(spec))
    lab.backend.launch(spec)
    again = lab.backend.observe(spec.attempt)
    assert (again.phase, again.state["pid"]) == ("exited", seen.state["pid"])
    assert lab.log(spec.attempt).count("once") == 1


def test_reused_pid_does_not_count_as_alive() -> None:
    """A process is its pid and its start time; killing checks both."""
    start = process_start(os.getpid())
    assert is_process(os.getpid(), start)
    assert not is_process(os.getpid(), start + 1)
    kill_process(os.getpid(), start + 1)  # would end this test if the start time were ignored


def test_killed_runner_is_seen_as_lost_and_swept(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    state = until(
        lambda: (
            lab.backend.observe(attempt).phase == "running" and lab.backend.observe(attempt).state
        )
    )
    with pytest.raises(BackendError, match="still running"):
        lab.backend.remove(attempt)
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: lab.backend.observe(attempt).phase == "lost")
    assert [(seen.attempt, seen.phase) for seen in lab.backend.sweep()] == [(attempt, "lost")]
    lab.backend.remove(attempt)
    assert lab.backend.observe(attempt).phase == "missing"
    assert list(lab.backend.sweep()) == []
    for path in state["cgroup"].get("directories", {}).values():
        assert not Path(path).exists()


@pytest.mark.skipif("memory" not in REPORT.controllers, reason="no control groups here")
def test_what_a_runner_left_that_died_while_it_made_the_sandbox_is_ended(lab: Lab) -> None:
    """Its groups are known before anything runs in them, so even a helper that carries no other
    mark of the attempt is found."""
    attempt = lab.launch(lab.spec(HOLD))
    state = until(lambda: (found := lab.backend.observe(attempt).state).get("cgroup") and found)
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: lab.backend.observe(attempt).phase == "lost")
    groups = [Path(path) for path in state["cgroup"]["directories"].values()]
    left = subprocess.Popen(["/bin/sleep", "60"])  # as a half-made sandbox would be
    for group in groups:
        (group / "cgroup.procs").write_text(str(left.pid))
    assert left.pid in lab.backend.processes(attempt)
    lab.backend.kill(attempt)
    assert left.wait(300) == -signal.SIGKILL
    lab.backend.kill(attempt)  # the groups were not empty before their last process was collected
    assert not [group for group in groups if group.exists()]


def test_kill_ends_everything_now(lab: Lab) -> None:
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    state = lab.backend.observe(attempt).state
    lab.backend.kill(attempt)
    until(lambda: not is_process(state["program_pid"], state["program_pid_start"]))
    assert until(lambda: lab.backend.observe(attempt).final)
    lab.backend.kill(attempt)


def test_removed_directory_ends_the_program(lab: Lab) -> None:
    """The directory is the lease: without it the program must not go on."""
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    state = lab.backend.observe(attempt).state
    directory = lab.backend.directory(attempt)
    directory.rename(directory.with_name("taken-away"))
    until(lambda: not is_process(state["pid"], state["pid_start"]))
    assert not is_process(state["program_pid"], state["program_pid_start"])


def test_removing_never_follows_a_link_left_by_the_program(lab: Lab) -> None:
    outside = lab.root / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    seen = lab.run(f"import os\nos.symlink({str(outside)!r}, '/home/ma-user/trap')\n")
    lab.backend.remove(seen.attempt)
    assert (outside / "kept").exists()


def test_unknown_attempts_and_verbs(lab: Lab) -> None:
    assert lab.backend.observe("nothing").phase == "missing"
    for call in (lab.backend.stop, lab.backend.logs):
        with pytest.raises(UnknownAttempt):
            call("nothing")
    with pytest.raises(UnknownAttempt):
        lab.backend.observe("../../etc")
    lab.backend.kill("nothing")
    lab.backend.remove("nothing")


def test_socket_path_is_short_however_long_the_root_is(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / ("long" * 40))
    path = backend.socket_path("0" * 8 + "-0000-0000-0000-" + "0" * 12)
    assert len(os.fsencode(path)) < 108


def test_restart_of_the_host_reads_as_lost(lab: Lab) -> None:
    """Pids and monotonic times of another boot mean nothing."""
    seen = lab.run("print('x')")
    path = lab.backend.directory(seen.attempt) / "state.json"
    text = path.read_text().replace(seen.state["boot_id"], "another-boot")
    path.write_text(text.replace('"phase": "exited"', '"phase": "running"'))
    again = lab.backend.observe(seen.attempt)
    assert (again.phase, again.alive, again.heartbeat_age) == ("lost", False, None)

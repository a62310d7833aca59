"""The supervisor with real processes: restart, stop, kill -9, two starters, steps."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.supervisor import procfs
from ops.supervisor.backoff import Backoff
from ops.supervisor.process import describe
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PATIENT = [sys.executable, "-c", "import signal; signal.pause()"]
"""Ends on SIGTERM."""
DEAF = [
    sys.executable,
    "-c",
    "import signal, pathlib\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "pathlib.Path('deaf').touch()\n"
    "while True: signal.pause()",
]
"""Ends only on SIGKILL, once there is the file `deaf`."""
PARENT = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, pathlib\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "pathlib.Path('grandchild').write_text(str(child.pid))\n"
    "signal.pause()",
]
"""Has a child of its own that it never stops."""


def gone(pid: int) -> bool:
    found = procfs.stat(pid)
    return found is None or found.state in "ZX"


class Running:
    """A supervisor process over fake programs."""

    def __init__(self, var: Path, plan: dict) -> None:
        self.var = var
        var.mkdir(exist_ok=True)
        file = var / "plan.json"
        file.write_text(json.dumps(plan))
        self.output = var / f"terminal-{time.monotonic_ns()}"
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.supervisor.supervised", str(var), str(file)],
                cwd=ROOT,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def says(self, text: str) -> None:
        def found() -> bool:
            assert text in self.text() or self.process.poll() is None, self.text()
            return text in self.text()

        until(found, f"{text!r} on the terminal")

    def text(self) -> str:
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """Pids by name, from the record; empty while it is being written for the first time."""
        try:
            children = json.loads((self.var / "run/state.json").read_text())["children"]
        except FileNotFoundError:
            return {}
        return {child["name"]: child["pid"] for child in children}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=300)


@pytest.fixture
def supervise(tmp_path):
    started: list[Running] = []

    def start(*programs: dict, **plan) -> Running:
        running = Running(tmp_path / "var", {"programs": list(programs), **plan})
        started.append(running)
        return running

    yield start
    for running in started:
        pids = running.pids().values()
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        for pid in pids:
            if not gone(pid):
                os.killpg(pid, signal.SIGKILL)


def test_backoff_doubles_up_to_the_ceiling_and_forgets_after_a_healthy_life():
    backoff = Backoff(first=0.5, ceiling=4, healthy_after=60)
    assert [backoff.delay(1) for _ in range(5)] == [0.5, 1, 2, 4, 4]
    assert backoff.delay(60) == 0.5
    assert backoff.delay(3) == 1


def test_exit_codes_in_words():
    assert describe(3) == "exit code 3"
    assert describe(-9) == "killed by SIGKILL"


def test_a_program_that_dies_is_started_again_and_the_terminal_says_so(supervise):
    running = supervise({"name": "web", "argv": PATIENT})
    running.says("all ready")
    first = running.pids()["web"]
    os.kill(first, signal.SIGKILL)
    running.says(f"web (process {first}) ended, killed by SIGKILL; starting it again in 0.25 s")
    running.says("web is ready again")
    second = running.pids()["web"]
    assert second != first and not gone(second)
    assert running.stop() == 0
    assert gone(second)


def test_sigterm_stops_everything_including_the_grandchildren_of_a_careless_program(supervise):
    running = supervise(
        {"name": "careless", "argv": PARENT, "ready_file": "grandchild"},
        {"name": "deaf", "argv": DEAF, "ready_file": "deaf", "grace": 0.3},
    )
    running.says("all ready")
    # The file is made by an open and a write; wait for the number itself.
    read = (running.var / "grandchild").read_text
    pids = [*running.pids().values(), int(until(read, "the grandchild's pid"))]
    assert len(pids) == 3 and not any(map(gone, pids))
    assert running.stop(signal.SIGTERM) == 0
    until(lambda: all(map(gone, pids)), "everything gone")
    assert "deaf does not stop in time: killing it" in running.text()
    assert not (running.var / "run/state.json").exists()


def test_ctrl_c_on_the_terminal_is_a_clean_stop(supervise):
    running = supervise({"name": "web", "argv": PATIENT})
    running.says("all ready")
    pid = running.pids()["web"]
    assert running.stop(signal.SIGINT) == 0
    assert gone(pid)


def test_kill_9_of_the_supervisor_takes_the_children_with_it(supervise):
    running = supervise(
        {"name": "polite", "argv": PATIENT},
        {
            "name": "deaf",
            "argv": DEAF,
            "ready_file": "deaf",
            "parent_death": int(signal.SIGKILL),
        },
    )
    running.says("all ready")
    pids = running.pids().values()
    running.process.kill()
    running.process.wait()
    until(lambda: all(map(gone, pids)), "children gone with their supervisor")


def test_the_next_start_sweeps_what_a_killed_supervisor_left(supervise):
    running = supervise(
        {"name": "deaf", "argv": DEAF, "ready_file": "deaf"},
        {"name": "careless", "argv": PARENT, "ready_file": "grandchild"},
        patience=0.2,
    )
    running.says("all ready")
    left = running.pids()
    note = running.var / "grandchild"
    orphan = int(until(lambda: note.exists() and note.read_text(), "the grandchild's pid"))
    running.process.kill()
    running.process.wait()
    # careless ends by the kernel's signal but leaves its child; deaf ignores the signal.
    until(lambda: gone(left["careless"]), "careless gone")
    assert not gone(left["deaf"]) and not gone(orphan)
    second = supervise({"name": "web", "argv": PATIENT}, patience=0.2)
    second.says("swept deaf")
    second.says("swept careless")
    second.says("all ready")
    until(lambda: gone(left["deaf"]) and gone(orphan), "leftovers gone")
    assert second.stop() == 0


def test_two_supervisors_on_one_folder_the_second_refuses(supervise):
    first = supervise({"name": "web", "argv": PATIENT})
    first.says("all ready")
    second = supervise({"name": "web", "argv": PATIENT})
    assert second.process.wait(timeout=300) == 1
    assert f"already runs on {first.var} (process {first.process.pid})" in second.text()
    assert "--var DIR" in second.text()
    assert not gone(first.pids()["web"])
    assert first.stop() == 0


def test_a_program_that_never_comes_up_fails_the_start_with_its_last_words(supervise):
    bad = [sys.executable, "-c", "import sys; sys.exit('no module named nonsense')"]
    running = supervise(
        {"name": "good", "argv": PATIENT},
        {"name": "bad", "argv": bad, "ready_file": "never"},
    )
    assert running.process.wait(timeout=300) == 1
    assert "bad died 3 times while starting" in running.text()
    assert "no module named nonsense" in running.text()
    assert "log/bad.log" in running.text()


def test_a_program_that_is_not_ready_in_time_fails_the_start(supervise):
    running = supervise(
        {"name": "slow", "argv": PATIENT, "ready_file": "never", "ready_within": 0.5}
    )
    assert running.process.wait(timeout=300) == 1
    assert "slow is not ready after 0 s" in running.text() or "after 1 s" in running.text()


def test_a_missing_program_is_named(supervise):
    running = supervise({"name": "web", "argv": ["/nowhere/gunicorn"], "ready_file": "never"})
    assert running.process.wait(timeout=300) == 1
    assert "/nowhere/gunicorn cannot be started: No such file or directory" in running.text()


def test_a_step_runs_while_the_others_are_kept_alive(supervise, tmp_path):
    """The step waits for the restart of the program it kills, so it passes only if it happens."""
    script = (
        "import json, os, pathlib, signal, time\n"
        "state = pathlib.Path('run/state.json')\n"
        "def pid():\n"
        "    known = json.loads(state.read_text())['children']\n"
        "    return next((c['pid'] for c in known if c['name'] == 'web'), None)\n"
        "first = pid()\n"
        "os.kill(first, signal.SIGKILL)\n"
        "while pid() in (first, None): time.sleep(0.02)\n"
        "raise SystemExit(7)\n"
    )
    running = supervise({"name": "web", "argv": PATIENT}, step=[sys.executable, "-c", script])
    running.says("step ended 7")
    assert running.stop() == 0


def test_a_step_that_takes_too_long_is_ended(supervise):
    running = supervise({"name": "web", "argv": PATIENT}, step=DEAF, timeout=0.5)
    running.says("step ended -9")
    assert running.stop() == 0


def test_a_stop_during_a_step_ends_the_step(supervise):
    running = supervise({"name": "web", "argv": PATIENT}, step=PATIENT)
    step = until(lambda: running.pids().get("step"), "the step")
    assert running.stop() == 0
    assert gone(step)
    running.says("stopped while waiting")


def test_verbose_shows_the_logs_with_their_names(supervise):
    argv = [sys.executable, "-c", "import signal; print('hello', flush=True); signal.pause()"]
    running = supervise({"name": "web", "argv": argv}, verbose=True)
    running.says("     web | hello")
    assert running.stop() == 0
    assert (running.var / "log/web.log").read_text() == "hello\n"

"""What runs is ended only by the installation, and the folder, that started it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.backends import LocalBackend, proof
from compute.runner.layout import Layout
from compute.runner.spec import Output, RunSpec
from compute.runner.state import boot_id, process_start
from compute.sandbox import capabilities
from tests.compute.helpers import Lab
from tests.waiting import until

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
HOLD = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)\n"
OURS = "a1" * 16


def backend_of(root: Path, installation: str) -> LocalBackend:
    runtime = Path(f"/tmp/my-t-{uuid.uuid4().hex[:8]}")
    return LocalBackend(root, runtime=runtime, installation=lambda: installation)


@pytest.fixture
def running(lab: Lab) -> Iterator[str]:
    """A running attempt of installation OURS."""
    lab.backend = backend_of(lab.root / "var", OURS)
    attempt = lab.launch(lab.spec(HOLD))
    until(lambda: "ready" in lab.log(attempt))
    yield attempt


def copied(lab: Lab) -> Path:
    """As `cp -a` of a data folder, while attempts run in it."""
    copy = lab.root / "copy"
    shutil.copytree(
        lab.root / "var", copy, symlinks=True, ignore=shutil.ignore_patterns("starters", "work")
    )
    return copy


def everything(backend: LocalBackend, attempt: str) -> None:
    """All that ends something, or says that it may be ended."""
    seen = backend.observe(attempt)
    assert (seen.phase, seen.alive) == ("lost", False)
    if backend._installation() != OURS:  # a copy that has not said so counts what it cannot tell
        assert backend.processes(attempt) == []
    backend.kill(attempt)
    backend.stop(attempt)
    backend.fence(attempt, 99)
    backend.remove(attempt)
    backend.rest()


@pytest.mark.parametrize("installation", [OURS, "b2" * 16, ""])
def test_a_copied_folder_ends_nothing_of_the_original(
    lab: Lab, running: str, installation: str
) -> None:
    """With the original's own id (nobody has said yet that it is a copy), with a new one, and with
    none."""
    copy = copied(lab)
    everything(backend_of(copy, installation), running)
    seen = lab.backend.observe(running)
    assert (seen.phase, seen.alive) == ("running", True)
    assert len(lab.backend.processes(running)) >= 3
    groups = [Path(path) for path in seen.state["cgroup"].get("directories", {}).values()]
    assert all(group.is_dir() and group.name == f"{OURS}.{running}" for group in groups)


def test_a_copy_of_before_ends_nothing_either(lab: Lab, running: str) -> None:
    """States of an earlier version name neither installation nor directory."""
    copy = copied(lab)
    state_file = Layout(copy / "attempts" / running).state
    state = json.loads(state_file.read_text())
    for name in ("installation", "directory"):
        del state[name]
    for path in state["cgroup"].get("directories", {}):
        state["cgroup"]["directories"][path] = str(
            Path(state["cgroup"]["directories"][path]).with_name(running)
        )
    state_file.write_text(json.dumps(state))
    everything(backend_of(copy, OURS), running)
    assert lab.backend.observe(running).alive


def test_a_forged_record_leads_to_no_signal(lab: Lab, running: str) -> None:
    """A state that names, under our id and this very directory, processes and groups of others."""
    lab.backend.kill(running)
    until(lambda: not lab.backend.processes(running))
    layout = Layout(lab.backend.directory(running))
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"],
        env={**os.environ, "MODELYARD_INSTALLATION": "b2" * 16},
    ) as other:
        start = process_start(other.pid)
        foreign = {
            **json.loads(layout.state.read_text()),
            "phase": "running",
            "pid": other.pid,
            "pid_start": start,
            "program_pid": other.pid,
            "program_pid_start": start,
            "cgroup": {"version": 1, "directories": {"pids": f"/proc/{other.pid}/cwd"}},
        }
        assert foreign["boot_id"] == boot_id()
        layout.state.write_text(json.dumps(foreign))
        assert proof.runner(foreign, layout, OURS) == 0
        assert proof.program(foreign, layout, OURS) == 0
        assert proof.job_group(foreign, layout, OURS) is None
        lab.backend.kill(running)
        assert other.poll() is None
        other.kill()


def test_two_installations_run_attempts_of_one_id_side_by_side(lab: Lab, running: str) -> None:
    """A copy that became an installation of its own runs the same job again."""
    other = backend_of(lab.root / "copy", "b2" * 16)
    spec = RunSpec.load(Layout(lab.backend.directory(running)).spec)
    other.launch(RunSpec(**{**vars_of(spec), "directory": "", "socket_dir": ""}))
    try:
        until(lambda: other.observe(running).phase == "running")
        ours, theirs = (
            set(backend.observe(running).state["cgroup"].get("directories", {}).values())
            for backend in (lab.backend, other)
        )
        assert len(ours) == len(theirs)
        assert not ours & theirs
        assert not set(other.processes(running)) & set(lab.backend.processes(running))
        other.kill(running)
        until(lambda: other.observe(running).final)
        assert lab.backend.observe(running).alive
    finally:
        other.kill(running)
        other.rest()


def vars_of(spec: RunSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__dataclass_fields__}


def test_every_process_of_an_attempt_carries_the_id(lab: Lab, running: str) -> None:
    for pid in lab.backend.processes(running):
        given = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert f"MODELYARD_INSTALLATION={OURS}".encode() in given, Path(f"/proc/{pid}/cmdline")


def test_a_moved_folder_keeps_what_runs_in_it(lab: Lab, running: str) -> None:
    """It is the same folder, so its attempts are its own under the new name, too."""
    moved = (lab.root / "var").rename(lab.root / "moved")
    backend = backend_of(moved, OURS)
    assert backend.observe(running).alive
    backend.kill(running)
    until(lambda: not backend.processes(running))


def test_an_upload_is_never_retried_over_the_original_s_files(lab: Lab, tmp_path: Path) -> None:
    """The copied specification names the original's folder, credential and sockets."""
    old = tmp_path / "a" / "work" / "attempts" / "x"
    new = tmp_path / "b" / "work" / "attempts" / "x"
    spec = RunSpec(
        attempt="x",
        directory=str(old),
        credential_file=str(tmp_path / "a" / "credentials" / "x"),
        engine="/opt/engines/sklearn",
        socket_dir="/run/modelyard-1/x",
        outputs=(Output("model", "bucket"),),
    )
    assert spec.at(old) is spec
    here = spec.at(new)
    assert here.directory == str(new)
    assert here.credential_file == str(tmp_path / "b" / "credentials" / "x")
    assert (here.engine, here.socket_dir) == ("/opt/engines/sklearn", "")

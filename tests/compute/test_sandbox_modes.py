"""The other ways to run: with network egress, and without isolation by the operator's choice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from compute.runner.spec import Input, Limits, Output
from compute.sandbox import capabilities, cgroups
from tests.compute.helpers import Lab, Storage

REPORT = capabilities()
PROJECT = Path(__file__).parents[2]
WITHOUT_BUBBLEWRAP = (
    "import sys\n"
    "from compute.sandbox import report\n"
    "report.find_bwrap = lambda: None\n"
    "from compute.runner.__main__ import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


@pytest.mark.skipif(REPORT.isolation != "full", reason=f"no isolation here: {REPORT.fix}")
def test_egress_opens_the_network_and_nothing_else(lab: Lab) -> None:
    lab.storage.files["/ping"] = b"pong"
    seen = lab.run(
        "import os, urllib.request\n"
        f"call = urllib.request.Request('{lab.storage.url}/ping',\n"
        "                              headers={'Authorization': 'Bearer my_test-credential'})\n"
        "print(urllib.request.urlopen(call).read(), os.path.exists('/etc/resolv.conf'),\n"
        "      os.path.exists('/etc/shadow'))\n",
        network="egress",
    )
    assert seen.state["outcome"] == "succeeded", seen.state["message"]
    assert "b'pong' True False" in lab.log(seen.attempt)


def run_without_bubblewrap(lab: Lab, allowed: str) -> tuple[dict[str, object], Path]:
    """One attempt by a runner that finds no bubblewrap; returns its state and directory."""
    base = Path(tempfile.mkdtemp(prefix="my-t-weak-"))  # reachable for other users, unlike tmp_path
    base.chmod(0o755)
    engine = shutil.copytree(lab.engine, base / "engine", symlinks=True)
    directory = base / "attempts" / "a"
    directory.mkdir(parents=True, mode=0o700)
    lab.storage.put("data", "d/x.txt", "content")
    spec = lab.spec(
        "import os, sys\n"
        "text = open(sys.argv[1].split('=')[1] + '/x.txt').read()\n"
        "open(sys.argv[2].split('=')[1] + '/y.txt', 'w').write(text + ' ' + str(os.getuid()))\n"
        "print(sorted(os.environ))\n",
        inputs=(Input("data_url", "data", "d"),),
        outputs=(Output("train_url", "out", "w"),),
    )
    spec = replace(spec, directory=str(directory), engine=str(engine))
    (directory / "spec.json").write_text(spec.to_json())
    (directory / "token").write_text("1")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BUBBLEWRAP, str(directory / "spec.json")],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": "/usr/bin:/bin", "MODELYARD_ALLOW_WEAK_SANDBOX": allowed},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((directory / "state.json").read_text()), base


def test_without_bubblewrap_nothing_runs(lab: Lab) -> None:
    """The default: the attempt fails and names the command that repairs the machine."""
    state, base = run_without_bubblewrap(lab, allowed="")
    shutil.rmtree(base)
    assert (state["outcome"], state["reason_code"]) == ("failed", "SANDBOX_FAILED")
    assert "bubblewrap" in str(state["message"])
    assert state["exit_code"] is None


def test_operator_may_allow_limits_without_isolation(lab: Lab, storage: Storage) -> None:
    """A whole attempt on host paths; never as root, and the state says that it was not isolated."""
    state, base = run_without_bubblewrap(lab, allowed="1")
    shutil.rmtree(base)
    assert state["outcome"] == "succeeded", state
    assert state["isolation"] == "weak"
    text, uid = storage.objects["out", "w/y.txt"].decode().split()
    assert text == "content"
    assert int(uid) == (state["uid"] or os.geteuid())
    assert int(uid) != 0


def test_delegated_scope_is_split_into_platform_and_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 as an ordinary user: only a scope marked as delegated is touched; the platform's
    processes go to a leaf, job groups beside it. On plain files, as the kernel would see it."""
    scope = tmp_path / "user.slice" / "run-1.scope"
    scope.mkdir(parents=True)
    own = tmp_path / "own"
    own.write_text("0::/user.slice/run-1.scope\n")
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (scope / "cgroup.procs").write_text("41\n42\n")
    (scope / "modelyard").mkdir()
    control = scope / "modelyard" / "cgroup.subtree_control"
    control.write_text("memory pids")
    monkeypatch.delenv("MODELYARD_CGROUP", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    moved: list[tuple[str, str]] = []
    monkeypatch.setattr(
        Path, "write_text", lambda self, text: moved.append((str(self.relative_to(scope)), text))
    )

    assert cgroups.discover(tmp_path, own) == cgroups.Hierarchy()
    assert moved == []

    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1")
    assert cgroups.discover(tmp_path, own).controllers == ("memory", "pids")
    assert moved[:2] == [
        ("modelyard-platform/cgroup.procs", "41"),
        ("modelyard-platform/cgroup.procs", "42"),
    ]
    assert ("cgroup.subtree_control", "+memory") in moved


def test_cgroup_v2_limits_are_written_where_delegated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 on plain files: the names and values that the kernel would read."""
    base = tmp_path / "delegated"
    base.mkdir()
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (base / "cgroup.subtree_control").write_text("cpu memory pids")
    monkeypatch.setenv("MODELYARD_CGROUP", str(base))
    real = Path.write_text

    def keep_control(self: Path, text: str, *args: object, **kw: object) -> int:
        return 0 if self.name == "cgroup.subtree_control" else real(self, text)

    monkeypatch.setattr(Path, "write_text", keep_control)
    hierarchy = cgroups.discover(tmp_path)
    assert (hierarchy.version, hierarchy.controllers) == (2, ("memory", "pids", "cpu"))
    group = cgroups.JobGroup.create(hierarchy, "job", Limits(cpus=0.5, memory_mb=100, pids=10))
    job = base / "job"
    assert (job / "memory.max").read_text() == str(100 << 20)
    assert (job / "pids.max").read_text() == "13"
    assert (job / "cpu.max").read_text() == "50000 100000"
    (job / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert group.oom_kills() == 2
    assert group.join_files() == [job / "cgroup.procs"]

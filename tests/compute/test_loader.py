"""Variables of the user that the dynamic loader obeys reach the limited program, nothing before."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from compute.runner.spec import Limits
from compute.sandbox import capabilities, command, process, start
from compute.sandbox.report import SandboxReport
from compute.sandbox.spec import SandboxSpec

REPORT = capabilities()
pytestmark = pytest.mark.skipif(
    REPORT.isolation != "full", reason=f"no isolation on this machine: {REPORT.fix}"
)
WEAK = replace(REPORT, isolation="weak", controllers=())
LIMITS = Limits(memory_mb=256, pids=24, file_size_mb=8, tmp_mb=8)


def run(report: SandboxReport, tmp_path: Path, variable: str, value: str) -> tuple[int | None, str]:
    """Exit code and output of a program that prints its limits and its variable."""
    uid = 263_998 if os.geteuid() == 0 else 0
    command.write_etc(tmp_path / "etc", "none")
    code = (
        "import os, resource as r\n"
        "print('LIMITS', *(r.getrlimit(n) for n in (r.RLIMIT_NPROC, r.RLIMIT_FSIZE, r.RLIMIT_CORE)"
        f"), os.environ[{variable!r}], flush=True)"
    )
    spec = SandboxSpec(
        ("/usr/bin/python3", "-Ic", code), "/", str(tmp_path / "etc"), env={variable: value},
        limits=LIMITS, uid=uid, gid=uid,
    )  # fmt: skip
    read, write = os.pipe()
    try:
        job = start(spec, report, write)
    except OSError:
        os.close(write)
        assert os.read(read, 4096) == b""  # the program said nothing
        os.close(read)
        raise
    os.close(write)
    with os.fdopen(read) as output:
        text = output.read()
    ended = job.wait(300)
    assert job.gone(10)
    job.close()
    return ended, text


@pytest.mark.parametrize("report", [REPORT, WEAK], ids=["full", "weak"])
def test_the_loader_obeys_the_users_variables_in_the_program_alone(
    report: SandboxReport, tmp_path: Path
) -> None:
    """LD_DEBUG tells of every program that the loader starts with the user's variables."""
    ended, text = run(report, tmp_path, "LD_DEBUG", "files")
    started = [line.split()[-1] for line in text.splitlines() if "transferring control" in line]
    ours = [path for path in started if path != command.ENV]  # env(1) executes with them
    assert (ended, ours) == (0, ["/usr/bin/python3"]), text[-2000:]
    limits = next(line for line in text.splitlines() if line.startswith("LIMITS"))
    assert limits == f"LIMITS (24, 24) ({8 << 20}, {8 << 20}) (1, 1) files"


def test_a_program_whose_limits_cannot_be_set_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(
        command,
        "limit_command",
        lambda spec, controllers, pid: (
            ran.append(pid) or [sys.executable, "-c", "import sys; sys.exit('no right')"]
        ),
    )
    with pytest.raises(OSError, match=r"The limits could not be set: no right"):
        run(REPORT, tmp_path, "A", "1")
    assert len(ran) == 1


def test_who_waits_at_the_gate_waits_on_when_the_platform_is_gone() -> None:
    gate = process._gate()
    code = f"import os; os.read({gate}, 1)"
    waiting = subprocess.Popen([sys.executable, "-c", code], pass_fds=(gate,))
    os.close(gate)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.2)
    waiting.kill()
    waiting.wait()

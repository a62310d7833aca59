"""A short drill on a whole installation: ``./run --demo``, then four blows. Nothing may be lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import SKLEARN, engine_python
from tests.story.test_story import ROOT, processes_of

pytestmark = [pytest.mark.story, pytest.mark.slow]
START_WITHIN = 300
DRILL_WITHIN = 300
STOP_WITHIN = 120
BLOWS = ("worker:job.Creating", "web:Uploading", "runner:job.Running", "process:service.Running")


class Running:
    """A ``./run`` of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        engines = Path(engine_python(SKLEARN)).parents[2]
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_"))
        }
        self.variables = {
            **inherited,
            "MODELYARD_ENGINES": str(engines),
            "MODELYARD_VAR": str(var),
        }
        self.log = var.with_name("run.log")
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [ROOT / "run", "--demo", "--var", var, "--port", "0", "--gateway-port", "0"],
                cwd=ROOT,
                env=self.variables,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def wait_for(self, words: str) -> None:
        deadline = time.monotonic() + START_WITHIN
        while words not in self.log.read_text(errors="replace"):
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "var")
    try:
        running.wait_for("the demo ended, exit code 0")
        yield running
    finally:
        running.stop()


def drill(running: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "drill", *arguments],
        cwd=ROOT,
        env=running.variables,
        capture_output=True,
        text=True,
        timeout=DRILL_WITHIN,
        check=False,
    )


def test_four_blows_lose_nothing(installation: Running) -> None:
    chosen = [word for blow in BLOWS for word in ("--scenario", blow)]
    done = drill(installation, "--yes", *chosen)
    shown = f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert done.returncode == 0, shown
    table = done.stdout.partition("| broken |")[2]
    assert table.count("| nothing |") == len(BLOWS), shown
    assert table.count("| ok |") == len(BLOWS), shown
    assert "Failed KILLED_137" not in table  # no blow of this list hits a job's own program
    installation.stop()
    assert processes_of(installation.var) == []


def test_a_drill_needs_a_running_installation(tmp_path: Path) -> None:
    variables = {**os.environ, "MODELYARD_VAR": str(tmp_path), "MODELYARD_SECRET_KEY": "x" * 50}
    done = subprocess.run(
        [sys.executable, "manage.py", "drill", "--yes"],
        cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "start it first" in done.stderr

"""A short drill on an installation of its own: the demonstration, then four blows and an attack.
Nothing may be lost, another tenant's acts may not fail, and nothing of the installation may stay.
How much longer those acts take is told and not judged: other tests run at the same time."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.drill import report
from tests.engines import SKLEARN, engine_python
from tests.story.test_story import ROOT, processes_of

pytestmark = [pytest.mark.story, pytest.mark.slow]
DRILL_WITHIN = 900
#: ./run is started again on another free port, which the attempt that uploads has to find
BLOWS = (
    "worker:job.Creating",
    "run:Uploading",
    "runner:job.Running",
    "process:service.Running",
    "slow-model",
)


def drill(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "drill", "--yes", *arguments],
        cwd=ROOT,
        env={**os.environ, "MODELYARD_SECRET_KEY": "x" * 50, **variables},
        capture_output=True,
        text=True,
        timeout=DRILL_WITHIN,
        check=False,
    )


def test_what_breaks_loses_nothing_and_an_attack_fails_nobody_else(tmp_path: Path) -> None:
    chosen = [word for blow in BLOWS for word in ("--scenario", blow)]
    rows = tmp_path / "rows.csv"
    done = drill(
        "--own", "sqlite", "--untimed", *chosen, "--write", str(rows),
        MODELYARD_ENGINES=str(Path(engine_python(SKLEARN)).parents[2]),
        MODELYARD_VAR=str(tmp_path),
    )  # fmt: skip
    shown = f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert done.returncode == 0, shown
    with rows.open() as file:
        found = list(csv.DictReader(file))
    assert [row["fault"] for row in found] == [blow.partition(":")[0] for blow in BLOWS], shown
    assert {row["verdict"] for row in found} == {"ok"}, shown
    assert {row["lost"] for row in found} == {"nothing"}, shown
    assert report.HEAD in done.stdout
    folder = re.search(r"starting an installation on sqlite below (\S+)", done.stdout)
    assert folder, shown
    assert not Path(folder[1]).exists()
    assert processes_of(Path(folder[1])) == []


def test_a_drill_needs_a_running_installation(tmp_path: Path) -> None:
    done = drill(MODELYARD_VAR=str(tmp_path))
    assert done.returncode == 1
    assert "start it first" in done.stderr


def test_a_combination_without_a_meaning_is_refused(tmp_path: Path) -> None:
    done = drill("--scenario", "gateway:job.Running", MODELYARD_VAR=str(tmp_path))
    assert done.returncode == 1
    assert "There is no scenario gateway:job.Running" in done.stderr

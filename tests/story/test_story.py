"""The whole product at once: ``./run --demo --exit`` on an empty data folder, for each engine.

Everything is real: processes, database, sandbox, training, gateway. Engines are kept in
``.cache/engines``, so that only the first run of all builds them.
"""

import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines import PYTORCH, SKLEARN, engine_python

pytestmark = [pytest.mark.story, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
WITHIN = 420
"""Seconds for one play, engines being there: the promise is 180 on an idle machine."""
STEPS = 11


@dataclass(frozen=True, slots=True)
class Played:
    """The end of ``./run --demo --exit`` and its data folder."""

    done: subprocess.CompletedProcess
    var: Path


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The first play with scikit-learn, on an empty data folder."""
    var = tmp_path_factory.mktemp("story") / "var"
    return Played(play(var, "sklearn", Path(engine_python(SKLEARN)).parents[2]), var)


def test_the_demonstration_plays_to_its_end_and_leaves_nothing_running(first):
    plays_to_its_end(first)


def test_it_plays_with_pytorch_as_well(tmp_path):
    engines = Path(engine_python(PYTORCH)).parents[2]
    plays_to_its_end(Played(play(tmp_path / "var", "pytorch", engines), tmp_path / "var"))


def plays_to_its_end(played: Played) -> None:
    done = played.done
    shown = f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    assert done.returncode == 0, shown
    assert score(done.stdout) >= 15, shown
    finished = re.findall(r"^ok +(\d+)\.", done.stdout, re.MULTILINE)
    assert finished == [str(number) for number in range(1, STEPS + 1)], shown
    assert "FAILED" not in done.stdout
    kept = played.var / "demo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert processes_of(played.var) == []


def test_a_second_play_reuses_the_accounts_and_numbers_its_objects(first):
    assert first.done.returncode == 0, first.done.stdout[-6000:]
    second = play(first.var, "sklearn", Path(engine_python(SKLEARN)).parents[2])
    assert second.returncode == 0, second.stdout[-6000:]
    assert "single-use set-up" in first.done.stdout
    assert "single-use set-up" not in second.stdout
    assert "job digits-training-2 accepted" in second.stdout
    account = re.compile(r"account demo-owner \((\d{10})\), root")
    assert account.search(first.done.stdout)[1] == account.search(second.stdout)[1]
    assert score(second.stdout) >= 15
    assert processes_of(first.var) == []


def play(var: Path, sample: str, engines: Path) -> subprocess.CompletedProcess:
    """``./run --demo --exit`` on free ports."""
    command = [
        ROOT / "run", "--demo", "--exit", "--engine", sample,
        "--var", var, "--port", "0", "--gateway-port", "0",
    ]  # fmt: skip
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_"))
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, "MODELYARD_ENGINES": str(engines)},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


def score(output: str) -> int:
    """The last score that was printed."""
    found = re.findall(r"score: (\d+) of 20", output)
    assert found, output[-3000:]
    return int(found[-1])


def processes_of(var: Path) -> list[str]:
    """Living processes that name the data folder in command line, folder or environment."""
    wanted = os.fsencode(var)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            folder = os.fsencode((entry / "cwd").readlink())
            variables = (entry / "environ").read_bytes()
        except (OSError, ValueError):
            continue  # ended meanwhile, or somebody else's, whose folder ours cannot be
        if wanted in command or wanted in folder or wanted in variables:
            found.append(f"{entry.name} {command.replace(bytes(1), b' ').decode(errors='replace')}")
    return found

"""Engines for tests: the interpreter of an engine, built once and kept.

Contract: `engine_python(name)` returns the path of the engine's Python. It takes, in this order,
`<MODELYARD_VAR or var>/engines/<name>` and `.cache/engines/<name>`, when the build there is
current; otherwise it builds the engine into `.cache/engines/<name>` with `compute.engines.build`
(seconds for scikit-learn, about a minute for PyTorch) and fails the test with the build's log if
that fails. Tests that need PyTorch carry the marker `slow`.
"""

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from compute.engines.manage import status

REPO = Path(__file__).resolve().parents[1]
SKLEARN = "python_3.11-sklearn-cpu"
PYTORCH = "pytorch_2.13-cpu-py_3.11"
CACHE = REPO / ".cache" / "engines"
BUILD_SECONDS = 900
ANOTHER_BUILD_RUNS = 3


@cache
def engine_python(name: str) -> Path:
    """The interpreter of engine `name`; builds the engine when there is no current build."""
    var = Path(os.environ.get("MODELYARD_VAR") or REPO / "var")
    for root in (var / "engines", CACHE):
        if status(root, name).phase == "ready":
            return root / name / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "compute.engines.build", name, str(CACHE / name)]
    end = time.monotonic() + BUILD_SECONDS
    while True:
        build = subprocess.run(
            command, cwd=REPO, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
        if build.returncode == 0:
            return CACHE / name / "bin" / "python"
        if build.returncode != ANOTHER_BUILD_RUNS or time.monotonic() > end:
            log = CACHE / f"{name}.build.log"
            tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
            pytest.fail(f"Engine {name} could not be built:\n{build.stdout}{build.stderr}\n{tail}")
        time.sleep(1)  # another test process builds it; asking again is the only way to wait

"""CONTRIBUTING.md, "Add a resource type", followed in a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.app_list import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Path(__file__).parent / "recipe"
PARTS = ("models", "services", "declaration", "forms", "api", "screen")
#: lines of a type without a life cycle, all files together
MOST_LINES = 130
NOT_COPIED = shutil.ignore_patterns("__pycache__", "vendor")


def test_a_type_without_a_life_cycle_is_small() -> None:
    lines = sum(len((RECIPE / f"{part}.py").read_text().splitlines()) for part in PARTS)
    assert lines <= MOST_LINES


@pytest.mark.slow
def test_the_recipe_makes_a_type_that_keeps_the_contract(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    for folder in (*PACKAGES, "locale", "samples", "static", "templates", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=NOT_COPIED)
    for file in ("manage.py", "pyproject.toml", "requirements.lock", "requirements.txt"):
        shutil.copy(ROOT / file, copy / file)
    package = copy / "training" / "algorithm"
    package.mkdir()
    (package / "__init__.py").write_text('"""Algorithms."""\n')
    for part in PARTS:
        shutil.copy(RECIPE / f"{part}.py", package / f"{part}.py")
    with (copy / "training" / "models.py").open("a") as models:
        models.write("from training.algorithm.models import Algorithm  # noqa: E402, F401\n")
    shutil.copy(RECIPE / "contract.py", copy / "tests" / "training" / "test_algorithm.py")
    left_out = ("DATABASE_URL", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS", "PYTHONPYCACHEPREFIX")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "MODELYARD_VAR": str(tmp_path / "var"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def follow(*line: str) -> str:
        done = subprocess.run(
            [sys.executable, *line],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    assert "Algorithm" in follow("manage.py", "makemigrations", "training")
    follow("manage.py", "makemigrations", "--check", "--dry-run")
    follow("manage.py", "check")
    # The database of the tests is made by the migrations, the new one among them.
    told = follow(
        "-m", "pytest", "tests/training/test_algorithm.py", "-q", "-p", "no:cacheprovider"
    )
    assert " passed" in told and "failed" not in told

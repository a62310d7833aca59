"""Seconds that tests take: measured in every run, told beside their budgets.

As a plugin of pytest (``-p tests.checks.seconds``) it adds up what every test reports, set-up and
clearing included, and writes it to the file that ``MODELYARD_TEST_SECONDS`` names. The budgets
are a table of CONTRIBUTING.md.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "MODELYARD_TEST_SECONDS"
BUDGETS = ROOT / "CONTRIBUTING.md"
RECORD = ROOT / "tests" / "seconds.json"
EACH_TYPE = "each type"  # the row of the table for a class of tests/contract
WORTH = 1.0  # seconds from which the order of a file matters
Seconds = dict[str, float]

_taken: defaultdict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _taken[report.nodeid.partition("[")[0].rpartition("::")[0]] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # xdist tells the controller everything
        Path(os.environ[VARIABLE]).write_text(json.dumps(_taken))


def read(path: Path) -> Seconds:
    """``file`` or ``file::Class`` -> seconds. Empty where a run wrote none."""
    found: Seconds = json.loads(path.read_text()) if path.exists() else {}
    return found


def budgets(text: str) -> Seconds:
    """Directory of tests, or EACH_TYPE, -> seconds, from the table of CONTRIBUTING.md. Rows are
    ``| `tests/core` | seconds when recorded | budget |``."""
    found: Seconds = {}
    for line in text.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) == 3 and (cells[0].startswith("tests/") or cells[0] == EACH_TYPE):
            found[cells[0]] = float(cells[2].removesuffix(" s"))
    return found


def by_directory(taken: Mapping[str, float]) -> Seconds:
    """``tests/core`` -> seconds of everything below."""
    total: defaultdict[str, float] = defaultdict(float)
    for name, seconds in taken.items():
        total["/".join(name.split("/")[:2])] += seconds
    return total


def by_type(taken: Mapping[str, float]) -> Seconds:
    """Class of the contract -> seconds."""
    start = "tests/contract/test_resources.py::"
    return {n.removeprefix(start): s for n, s in taken.items() if n.startswith(start)}


def table(taken: Mapping[str, float], limits: Mapping[str, float]) -> Iterator[str]:
    """Lines: directories by their seconds, then who is over the budget."""
    directories = by_directory(taken)
    late = [
        f"{name} took {seconds:.0f} s, its budget is {limits[name]:.0f} s"
        for name, seconds in directories.items()
        if seconds > limits.get(name, float("inf"))
    ]
    for name, seconds in by_type(taken).items():
        if seconds > limits.get(EACH_TYPE, float("inf")):
            late.append(f"{name} took {seconds:.0f} s, a type has {limits[EACH_TYPE]:.0f} s")
    for name, seconds in sorted(directories.items(), key=lambda row: -row[1]):
        budget = f"{limits[name]:5.0f} s" if name in limits else "   none"
        yield f"{seconds:7.1f} s  of {budget}  {name}"
    yield from (f"OVER BUDGET: {line}" for line in late)


def record(taken: Mapping[str, float]) -> None:
    """Keep seconds of files for the order of the next runs."""
    total: defaultdict[str, float] = defaultdict(float)
    for name, seconds in taken.items():
        total[name.partition("::")[0]] += seconds
    kept = {name: round(total[name], 1) for name in sorted(total) if total[name] >= WORTH}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")

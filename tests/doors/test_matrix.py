"""Every door x every persona, against golden statuses that people can review line by line.

``MODELYARD_UPDATE_MATRIX=1 .venv/bin/pytest tests/doors/test_matrix.py`` writes matrix.csv anew;
the diff is then read before it is committed. The rules below hold for whatever the file says.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from tests.doors.knock import doors, knock
from tests.doors.world import PERSONAS, World

FILE = Path(__file__).with_name("matrix.csv")
pytestmark = pytest.mark.django_db
UPDATE = os.environ.get("MODELYARD_UPDATE_MATRIX") == "1"
Line = dict[str, str]


@pytest.fixture(scope="module")
def found(world: World) -> dict[str, Line]:
    """What every door answers today: name -> persona -> status."""
    lines: dict[str, Line] = {door.name: {} for door in doors(world)}
    for who in PERSONAS:
        world.strict(who != "fresh_loose")
        for door in doors(world):
            lines[door.name][who] = str(knock(world, who, door).status_code)
    world.strict(True)
    return lines


def golden() -> dict[str, Line]:
    with FILE.open(newline="") as file:
        return {row.pop("door"): row for row in csv.DictReader(file)}


def test_every_door_answers_everybody_as_reviewed(found: dict[str, Line]) -> None:
    if UPDATE:
        with FILE.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["door", *PERSONAS])
            for name, line in found.items():
                writer.writerow([name, *(line[who] for who in PERSONAS)])
    known = golden()
    assert set(found) - set(known) == set(), "doors missing from the matrix"
    assert set(known) - set(found) == set(), "stale lines of the matrix"
    wrong = [
        f"{name} for {who}: {line[who]}, reviewed {known[name].get(who)}"
        for name, line in found.items()
        for who in PERSONAS
        if known[name].get(who) != line[who]
    ]
    assert not wrong, "\n".join(wrong)

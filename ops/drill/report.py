"""What a drill prints and writes: one row per blow.

``python -m ops.drill.report A.json B.json`` puts what drills wrote side by side, as
docs/mechanisms/faults.md shows it.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.drill.matrix import (
    ATTACKS,
    FAULTS,
    OTHERS,
    PHASES,
    WORKING,
    Cell,
    Row,
    matrix,
    reason_against,
)

BAD = ("LOST", "missed", "not held")
COLUMNS = ("fault", "kind", "phase", "end", "lost", "seconds", "verdict")
HEAD = "| broken | while | ended | lost | seconds | verdict |\n|---|---|---|---|---|---|"


def fields(row: Row) -> dict[str, Any]:
    """A row as plain values; ``seconds`` is None where nothing was measured."""
    nothing = "" if row.verdict in ("skipped", "missed", "not held") else "nothing"
    return {
        "fault": row.cell.fault,
        "kind": row.cell.kind,
        "phase": row.cell.phase,
        "end": row.end,
        "lost": "; ".join(row.lost) or nothing,
        "seconds": None if row.seconds is None else round(row.seconds, 1),
        "verdict": row.verdict,
    }


def line(row: Row) -> str:
    """A row of the table."""
    of = fields(row)
    lost = of["lost"].replace("\n", " ").replace("|", "/")[:300]
    seconds = "" if of["seconds"] is None else f"{of['seconds']:.1f}"
    what = f"{of['kind']} {of['phase']}"
    return f"| {of['fault']} | {what} | {of['end']} | {lost} | {seconds} | {of['verdict']} |"


def summary(rows: Sequence[Row], began: dt.datetime) -> str:
    """When, on what, how long, and the slowest."""
    minutes = (dt.datetime.now(dt.UTC) - began).total_seconds() / 60
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("ok", *BAD)}
    timed = [row.seconds for row in rows if row.seconds is not None]
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{began:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load}: {len(rows)} blows in "
        f"{minutes:.0f} minutes, {shown}; slowest {max(timed, default=0.0):.1f} s"
    )


def write(rows: Sequence[Row], path: Path, about: str) -> None:
    """JSON, or CSV where the file's name ends so."""
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(fields(row) for row in rows)
        return
    document = {
        "about": about,
        "rows": [fields(row) for row in rows],
        "without_meaning": [
            {"fault": cell.fault, "kind": cell.kind, "phase": cell.phase, "reason": reason}
            for cell in matrix()
            if (reason := reason_against(cell))
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def side_by_side(documents: Sequence[dict[str, Any]]) -> str:
    """Seconds by fault and phase, one table per kind, the drills separated by strokes."""
    found = [
        {Cell(row["fault"], row["kind"], row["phase"]): row for row in document["rows"]}
        for document in documents
    ]
    lines = []
    for kind, phases in PHASES.items():
        lines += [f"| broken | {' | '.join(f'{kind} {phase}' for phase in phases)} |"]
        lines += ["|---" * (len(phases) + 1) + "|"]
        for fault in FAULTS:
            cells = [Cell(fault, kind, phase) for phase in phases]
            if all(map(reason_against, cells)):
                continue
            shown = (" / ".join(_seconds(rows.get(cell), cell) for rows in found) for cell in cells)
            lines += [f"| {fault} | {' | '.join(shown)} |"]
        lines += [""]
    lines += ["| attack | what the other tenant noticed |", "|---|---|"]
    for attack in ATTACKS:
        cell = Cell(attack, OTHERS, WORKING)
        noticed = " / ".join(rows[cell]["end"] for rows in found if cell in rows)
        lines += [f"| {attack} | {noticed or 'not held'} |"]
    return "\n".join(lines)


def _seconds(row: dict[str, Any] | None, cell: Cell) -> str:
    if reason_against(cell):
        return "–"
    if row is None or row["verdict"] in ("skipped", "not held", "missed"):
        return "not held"
    return f"{row['seconds']}" if row["verdict"] == "ok" else row["verdict"]


if __name__ == "__main__":
    read = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    sys.stdout.write(side_by_side(read) + "\n")

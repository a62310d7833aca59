"""How much longer another tenant waits while one does its worst.

    .venv/bin/python -m benchmarks.neighbours [--only gateway | installation] [--quick]

Each row: the median of another tenant's calls while nothing else goes on, then while the attack
does, in turn, so many rounds; and the ratio of the two medians over all rounds (goal: at most 2).
*gateway* is a gateway, models and callers as processes, the gateway's processor time beside it,
measured while somebody else calls ten times a second. *installation* is ``./run --demo`` with an
account beside it that has six datasets of 2 GiB checked, or registers packages of 1,200 files.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.installation import load_now
from benchmarks.neighbours import attacks, installation
from benchmarks.neighbours.table import Row, heading


def main() -> None:
    """Measure, and print as it goes."""
    command = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    command.add_argument("--only", choices=["gateway", "installation"], default="")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--seconds", type=float, default=2.0, help="of each half of a round")
    command.add_argument("--quick", action="store_true", help="one round of one second")
    command.add_argument("--attack", action="append", help="only this one; may be repeated")
    command.add_argument("--port", type=int, default=21350, help="and the one after it")
    options = command.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1.0
    print(f"{load_now()}; {options.rounds} rounds of {options.seconds:g} s")
    heading()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        if options.only != "installation":
            rows += attacks.measure(Path(folder), options)
        if options.only != "gateway":
            rows += installation.measure(Path(folder), options)
    above = [row.what for row in rows if row.ratio > 2]
    print(f"{len(rows)} rows, {len(above)} above 2{': ' if above else ''}{', '.join(above)}")
    print(f"{load_now()} at the end")


if __name__ == "__main__":
    main()

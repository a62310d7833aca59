"""Fifty people click, twenty jobs run, a hundred predictions a second: what breaks, how slow is it?

    .venv/bin/python -m benchmarks.load [--database sqlite|postgresql] [--warm 5] [--minutes 5]
        [--users 50] [--jobs 20] [--predictions 100] [--quick] [--json FILE] [--plot FILE.svg]

Starts a real installation with ``./run --demo`` in a temporary folder, fills five accounts with
people, shares and a history, signs everybody in through the sign-in page and lets them click; their
pages stream, poll and fetch as the scripts of the real pages do. Ends with 1 if anything answered
otherwise than it should, if a log of the product holds an error, or if memory grows.

The load is made by one asyncio process with aiohttp, which the product needs anyway: locust would
be a new dependency and its requests cost several times the processor time of aiohttp's, which the
product would miss on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load import installation, plot, report, world
from client import StepFailed

QUICK = {"minutes": 1.0, "warm": 0.0, "users": 10, "jobs": 4, "predictions": 20}


def options() -> argparse.Namespace:
    """The command line."""
    command = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__.splitlines()[0]
    )
    command.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    command.add_argument("--minutes", type=float, default=5.0)
    command.add_argument(
        "--warm", type=float, default=5.0, help="minutes of the same load before anything counts"
    )
    command.add_argument("--users", type=int, default=50)
    command.add_argument("--jobs", type=int, default=20)
    command.add_argument("--predictions", type=int, default=100, help="a second")
    command.add_argument("--quick", action="store_true", help=f"a small form: {QUICK}")
    command.add_argument("--port", type=int, default=21500, help="this and the next one are used")
    command.add_argument(
        "--growth", type=float, default=1.0, help="MiB a minute that count as none"
    )
    command.add_argument("--json", type=Path, help="where to write every figure")
    command.add_argument("--plot", type=Path, help="where to draw memory and latency (SVG)")
    command.add_argument(
        "--keep", type=Path, help="a folder that stays, instead of a temporary one"
    )
    found = command.parse_args()
    if found.quick:
        vars(found).update(QUICK)
    return found


def main() -> int:
    chosen = options()
    # Asked to end, it still stops what it started.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = chosen.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="modelyard-load-"))
        )
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # jobs run as a user of their own, who must be able to enter
        try:
            url = stack.enter_context(installation.database(chosen.database))
            house = stack.enter_context(installation.running(folder, chosen, url))
            began = time.monotonic()
            filled = world.fill(house, chosen.users)
            print(f"filled in {time.monotonic() - began:.0f} s: {filled.words}", flush=True)
            from benchmarks.load import run  # it looks into the database that is now set up

            found = asyncio.run(run.measure(house, filled, chosen))
        except (installation.NotStarted, StepFailed) as problem:
            print(f"FAILED: {problem}", file=sys.stderr)
            return 1
        found.read_logs(house.var / "log")
    summary = report.summary(found, chosen)
    report.show(summary)
    if chosen.json:
        chosen.json.write_text(json.dumps(summary, indent=1))
    if chosen.plot:
        chosen.plot.write_text(plot.draw(found))
    return 0 if summary["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""From a job's submission to the first line of its program, and how many jobs start in a second.

    .venv/bin/python -m benchmarks.dispatch [--quick] [--jobs 30] [--burst 120]
                                            [--database-url postgres:///postgres]

A whole installation as `./run` starts it (web, workers, beat, broker, gateway; SQLite, or a new
database on the PostgreSQL server named) in a temporary folder, used over its public API by a user
with an agency. Latency: jobs one at a time, beside the same script started bare by the same
interpreter, alternating. Burst: all jobs at once, with room for all of them. Floors: a Celery
worker on the same broker that starts the script, and the runner alone without a platform.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.installation import load_now, own_database

from .floors import floors
from .place import ENGINE, ROOT, Place, machine_cpu, platform
from .steps import STEPS, bare, ms, over


def main() -> None:
    command = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    command.add_argument("--jobs", type=int, default=30, help="one at a time (%(default)s)")
    command.add_argument("--burst", type=int, default=120, help="at once (%(default)s)")
    command.add_argument("--senders", type=int, default=4, help="connections (%(default)s)")
    command.add_argument("--database-url", default="", help="a PostgreSQL server; else SQLite")
    command.add_argument("--quick", action="store_true", help="8 jobs and a burst of 30")
    options = command.parse_args()
    if options.quick:
        options.jobs, options.burst = 8, 30
    engines = Path(os.environ.get("MODELYARD_ENGINES", ROOT / ".cache" / "engines"))
    if not (engines / ENGINE / "bin" / "python").exists():
        raise SystemExit(f"{engines / ENGINE} is not built: set MODELYARD_ENGINES")
    with own_database(options.database_url) as database, platform(engines, database) as place:
        print(f"{'PostgreSQL' if database else 'SQLite'}, {os.cpu_count()} cores, {load_now()}")
        latency(place, options.jobs)
        floors(place, options.jobs)
        burst(place, options.burst, options.senders)


def latency(place: Place, count: int) -> None:
    """Jobs one at a time; a bare start before each."""
    over(place, [place.submit(f"warm-{number}") for number in range(3)], 120)
    alone, told = [], []
    for number in range(count):
        alone.append(bare(place))
        told += over(place, [place.submit(f"single-{number}")], 60)
    first = [job["first"] for job in told]
    print(f"\none job at a time, {count} jobs             p50 ms    p95 ms   this step, p50 ms")
    previous = "answered"
    for words, name in STEPS:
        step = [job[name] - job[previous] for job in told] if name != "answered" else []
        own = f"{ms(step, 50):>14.1f}" if step else ""
        times = [job[name] for job in told]
        print(f"  {words:<36}{ms(times, 50):>10.1f}{ms(times, 95):>10.1f}{own}")
        previous = name
    print(f"  {'the same script bare: first line':<36}{ms(alone, 50):>10.1f}{ms(alone, 95):>10.1f}")
    added = [one - other for one, other in zip(first, alone, strict=True)]
    print(
        f"  {'added by the platform':<36}{ms(added, 50):>10.1f}{ms(added, 95):>10.1f}"
        f"   (goal: 150); ratio {statistics.median(first) / statistics.median(alone):.1f}"
    )


def burst(place: Place, count: int, senders: int) -> None:
    """Everything at once: starts and ends per second, and who used the processors for it."""
    before, began = place.cpu(), machine_cpu()
    with ThreadPoolExecutor(senders) as pool:
        jobs = list(pool.map(place.submit, (f"burst-{number}" for number in range(count))))
    told = over(place, jobs, 600)
    used = {part: seconds - before[part] for part, seconds in place.cpu().items()}
    sent = min(job.sent for job in jobs)
    accepted = max(job.answered for job in jobs) - sent
    starts = sorted(job.sent + one["first"] - sent for job, one in zip(jobs, told, strict=True))
    ends = sorted(job.sent + one["ended"] - sent for job, one in zip(jobs, told, strict=True))
    print(f"\nburst of {count} jobs over {senders} connections")
    print(f"  accepted              {count / accepted:8.1f} /s")
    print(
        f"  starts                {rate(starts):8.1f} /s in the middle, "
        f"{count / starts[-1]:.1f} /s from the first POST to the last start (goal: 20)"
    )
    print(f"  ends seen             {rate(ends):8.1f} /s in the middle, {count / ends[-1]:.1f} /s")
    parts = ", ".join(f"{part} {seconds / count * 1e3:.0f}" for part, seconds in used.items())
    print(
        f"  CPU ms per job: {parts}; the machine, with everything else on it, "
        f"{(machine_cpu() - began) / count * 1e3:.0f}"
    )


def rate(times: Sequence[float]) -> float:
    """Per second between the tenth and the ninetieth part of a hundred."""
    low, high = len(times) // 10, len(times) * 9 // 10
    return (high - low) / (times[high] - times[low])


if __name__ == "__main__":
    main()

"""The figures of a run: tables for people, a dictionary for programs."""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.load.record import LASTING, SHOWN, Record, Sample

MOST = 60  # rows of the table of pages
SHORTEST = 180.0  # seconds: shorter runs say nothing about growth


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _row(values: list[float]) -> dict[str, float]:
    return {
        "count": len(values),
        **{
            f"p{int(share * 100)}_ms": round(1e3 * percentile(values, share), 1)
            for share in (0.5, 0.95, 0.99)
        },
        "max_ms": round(1e3 * max(values), 1),
    }


def slope(samples: list[Sample], role: str) -> float | None:
    """MiB a minute over the second half, fitted through every sample of it; None for a run that is
    too short. What fills up once (caches, the threads' own connections) is mostly full by then,
    what leaks goes on."""
    end = samples[-1].at if samples else 0.0
    if end < SHORTEST:
        return None
    late = [s for s in samples if s.at >= end / 2]
    fitted = statistics.linear_regression(
        [s.at / 60 for s in late], [s.rss.get(role, 0.0) for s in late]
    )
    return fitted.slope


def summary(record: Record, chosen: argparse.Namespace) -> dict[str, Any]:
    """Everything in figures; ``passed`` says whether the run was clean."""
    roles = sorted({role for s in record.samples for role in s.rss})
    memory = {}
    for role in roles:
        values = [s.rss.get(role, 0.0) for s in record.samples]
        growth = slope(record.samples, role)
        memory[role] = {
            "first": round(values[0], 1),
            "last": round(values[-1], 1),
            "most": round(max(values), 1),
            "growth_mib_per_min": None if growth is None else round(growth, 2),
        }
    growing = [
        role
        for role in LASTING
        if role in memory and (memory[role]["growth_mib_per_min"] or 0) > chosen.growth
    ]
    busy = sum(s.busy for s in record.samples) or math.nan
    cpu: dict[str, float] = {}
    for sample in record.samples:
        for role, seconds in sample.cpu.items():
            cpu[role] = cpu.get(role, 0.0) + seconds
    cpu["everything else on this machine"] = max(0.0, busy - sum(cpu.values()))
    span = record.samples[-1].at if record.samples else math.nan
    people = [v for name, rows in record.taken.items() if is_page(name) for _at, v in rows]
    return {
        "database": chosen.database,
        "users": chosen.users,
        "jobs": chosen.jobs,
        "predictions_per_second": chosen.predictions,
        "seconds": round(record.seconds, 1),
        "warm_minutes": chosen.warm,
        "all_pages": _row(people) if people else None,
        "latency": {
            name: _row([value for _at, value in rows]) | {"bytes": record.sizes.get(name, 0)}
            for name, rows in sorted(record.taken.items())
        },
        "expected": dict(record.expected),
        "errors": dict(record.errors),
        "jobs_running_mean": round(statistics.fmean(s.jobs for s in record.samples), 1)
        if record.samples
        else 0,
        "queue": {
            name: {
                "p50": round(percentile([s.queue[name] for s in record.samples], 0.5), 2),
                "p95": round(percentile([s.queue[name] for s in record.samples], 0.95), 2),
                "max": round(max(s.queue[name] for s in record.samples), 2),
            }
            for name in (record.samples[0].queue if record.samples else ())
        },
        "memory_mib": memory,
        "growing": growing,
        "cores_used": {role: round(seconds / span, 3) for role, seconds in sorted(cpu.items())},
        "load_loop_lag_p99_ms": round(1e3 * percentile(record.lags, 0.99), 1),
        "samples": [
            {"at": round(s.at, 1), "rss": {k: round(v, 1) for k, v in s.rss.items()},
             "queue": s.queue, "jobs": s.jobs}
            for s in record.samples
        ],
        "passed": not record.errors and not growing,
    }  # fmt: skip


def is_page(name: str) -> bool:
    """Whether a name is a page or a part of one, not the API, a stream or a static file."""
    others = ("POST ", "GET /api", "prediction", "job:", "/static/", "/sign-in")
    return not name.startswith(others) and "(stream" not in name


def show(found: dict[str, Any]) -> None:
    """Tables on the terminal."""
    print(
        f"\n{found['database']}: {found['users']} people, {found['jobs']} jobs, "
        f"{found['predictions_per_second']} predictions/s, {found['seconds']:.0f} s\n"
    )
    print(f"{'':<52}{'count':>7}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'max ms':>9}{'KiB':>7}")
    rows = sorted(found["latency"].items(), key=lambda pair: -pair[1]["p95_ms"])
    if found["all_pages"]:
        rows.insert(0, ("all pages and their parts", found["all_pages"]))
    for name, row in rows[:MOST]:
        print(
            f"{name[:51]:<52}{row['count']:>7}{row['p50_ms']:>9.0f}{row['p95_ms']:>9.0f}"
            f"{row['p99_ms']:>9.0f}{row['max_ms']:>9.0f}{row.get('bytes', 0) / 1024:>7.0f}"
        )
    if len(rows) > MOST:
        print(f"... and {len(rows) - MOST} faster ones (--json has them all)")
    print(f"\n{'queue':<40}{'p50':>8}{'p95':>8}{'max':>8}")
    for name, row in found["queue"].items():
        print(f"{name:<40}{row['p50']:>8.1f}{row['p95']:>8.1f}{row['max']:>8.1f}")
    heads = "".join(f"{head:>8}" for head in ("first", "last", "most"))
    print(f"\n{'memory, MiB':<24}{heads}{'growth a minute':>18}{'cores':>8}")
    for role, row in found["memory_mib"].items():
        growth = row["growth_mib_per_min"]
        said = "run too short" if growth is None else f"{growth:+.2f}"
        cores = found["cores_used"].get(role, 0.0)
        print(
            f"{role:<24}{row['first']:>8.0f}{row['last']:>8.0f}{row['most']:>8.0f}{said:>18}{cores:>8.2f}"
        )
    for role in ("the load itself", "everything else on this machine"):
        print(f"{role:<66}{found['cores_used'].get(role, 0.0):>8.2f}")
    print(f"\njobs running: {found['jobs_running_mean']} on average")
    print(f"the load's own loop was late by {found['load_loop_lag_p99_ms']:.0f} ms (p99)")
    for name, count in found["expected"].items():
        print(f"{name}: {count}")
    for role in found["growing"]:
        print(f"GROWS: {role}, {found['memory_mib'][role]['growth_mib_per_min']} MiB a minute")
    for what, count in sorted(found["errors"].items(), key=lambda pair: -pair[1])[:SHOWN]:
        print(f"ERROR {count} x {what}")
    print("passed" if found["passed"] else "NOT PASSED")

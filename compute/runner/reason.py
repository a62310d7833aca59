"""The reason of an end, found in a child with a budget: the log is text of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from compute.runner.classify import Evidence, Verdict, classify
from core.budget import Exceeded, run_bounded

CPU_SECONDS = 5.0
WALL_SECONDS = 20.0
MEMORY_BYTES = 256 * 1024 * 1024


def judged(seen: Evidence, tick: Callable[[], None]) -> Verdict:
    """Why the program ended. ``tick`` keeps the heartbeat meanwhile, and raises what ends it.

    Where the log cannot be read within the budget the reason is given without it.
    """
    if seen.exit_code == 0 or not seen.tail:
        return classify(seen)  # success, or proofs of the kernel: no text decides
    try:
        return Verdict(
            **run_bounded(
                "compute.runner.classify:judge",
                asdict(seen),
                cpu_seconds=CPU_SECONDS,
                memory_bytes=MEMORY_BYTES,
                wall_seconds=WALL_SECONDS,
                tick=tick,
            )
        )
    except Exceeded as why:
        found = classify(replace(seen, tail=""))
        message = f"{found.message} The log was not asked: {why}."
        return replace(found, message=message)

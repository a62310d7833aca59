"""Numbers in a job's log: ``name=value`` and ``name: value`` pairs become metric points."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

PAIR = re.compile(
    r"(?P<name>[A-Za-z][\w/.-]{0,63})\s*[=:]\s*"
    r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)(?P<percent>\s?%)?(?![\w.])"
)
STEP_NAMES = frozenset({"step", "global_step", "iteration", "iter", "batch"})
EPOCH_NAMES = frozenset({"epoch", "train_epoch"})
#: a line is a metric line when it says where in the run it is, or names one of these
KNOWN = re.compile(r"(?:^|[_/.-])(?:loss|acc|accuracy|lr|auc|f1|rmse|mae|ppl|perplexity)", re.I)
MAX_LINE = 2000
#: kinds that are plotted together, in the order of their plots
KINDS = {
    "loss": re.compile(r"loss", re.I),
    "accuracy": re.compile(r"acc(?:uracy)?(?:$|[_/.-])|f1|auc|precision|recall", re.I),
    "learning rate": re.compile(r"(?:^|[_/.-])lr$|learning_rate", re.I),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A number on a line, with the step and epoch that the same line names."""

    name: str
    value: float
    step: float | None
    epoch: float | None


def points(lines: Iterable[str]) -> list[Point]:
    """Metric points of complete log lines. Lines without a step, an epoch or a well-known metric
    name (a table, a traceback) give none; NaN and infinity are left out of plots."""
    found: list[Point] = []
    for line in lines:
        if "=" not in line and ":" not in line:
            continue  # most lines of a flood; the pattern would look at every word of them
        pairs = [
            (m["name"], float(m["value"]) / (100 if m["percent"] else 1))
            for m in PAIR.finditer(line[:MAX_LINE])
        ]
        if not pairs:
            continue
        places = [(n.lower(), v) for n, v in pairs if math.isfinite(v)]  # JSON knows no infinity
        step = next((v for n, v in places if n in STEP_NAMES), None)
        epoch = next((v for n, v in places if n in EPOCH_NAMES), None)
        placed = step is not None or epoch is not None
        for name, value in pairs:
            if name.lower() in STEP_NAMES or name.lower() in EPOCH_NAMES:
                continue
            if not math.isfinite(value) or not (placed or KNOWN.search(name)):
                continue
            found.append(Point(name, value, step, epoch))
    return found


def kind(name: str) -> str:
    """Plot that a metric belongs on: its kind, else its own name."""
    return next((label for label, rule in KINDS.items() if rule.search(name)), name)


def kind_order(label: str) -> tuple[int, str]:
    """Known kinds first, in their declared order, then names."""
    order = list(KINDS)
    return (order.index(label) if label in order else len(order), label)


def thin(series: list[tuple[float, float]], limit: int = 500) -> list[tuple[float, float]]:
    """At most ``limit`` points that keep every bucket's lowest and highest value, and both ends.

    Averaging would hide the spike that somebody is looking for.
    """
    if len(series) <= limit:
        return series
    buckets = max(1, (limit - 2) // 2)
    inner = series[1:-1]
    size = len(inner) / buckets
    kept = [series[0]]
    for number in range(buckets):
        part = inner[int(number * size) : int((number + 1) * size)]
        if not part:
            continue
        low = min(range(len(part)), key=lambda i: part[i][1])
        high = max(range(len(part)), key=lambda i: part[i][1])
        kept += [part[i] for i in sorted({low, high})]
    return [*kept, series[-1]]

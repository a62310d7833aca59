"""How the numbers that a job printed are plotted. `compute.runner.numbers` finds them."""

from __future__ import annotations

from compute.runner.numbers import words

#: kinds that are plotted together, in the order of their plots
KINDS = ("loss", "accuracy", "learning rate")
ACCURACY = ("f1", "auc", "precision", "recall")


def kind(name: str) -> str:
    """Plot that a metric belongs on: its kind, else its own name."""
    text, parts = name.lower(), words(name)
    if "loss" in text:
        return "loss"
    ends = any(part.endswith(("acc", "accuracy")) for part in parts)
    if ends or any(word in text for word in ACCURACY):
        return "accuracy"
    return "learning rate" if parts[-1] == "lr" or "learning_rate" in text else name


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

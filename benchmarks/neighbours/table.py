"""What was measured, a row for each attack and each kind of call."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LEAST = 20  # calls in each half of a round, however long they take


@dataclass(slots=True)
class Row:
    """Seconds of calls, without and with an attack."""

    what: str
    idle: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(self.attacked) / statistics.median(self.idle)

    def show(self, more: str = "") -> None:
        """Print it."""
        p50 = [statistics.median(times) * 1e3 for times in (self.idle, self.attacked)]
        p95 = [statistics.quantiles(times, n=20)[18] * 1e3 for times in (self.idle, self.attacked)]
        print(
            f"{self.what:<38}{p50[0]:>9.2f}{p50[1]:>9.2f}{self.ratio:>7.2f}"
            f"{p95[0]:>10.1f}{p95[1]:>9.1f}  {more}",
            flush=True,
        )


def heading() -> None:
    """What the columns are."""
    print(
        f"{'medians in ms':<38}{'idle':>9}{'attacked':>9}{'ratio':>7}"
        f"{'p95 idle':>10}{'attacked':>9}"
    )


def timed(call: Callable[[], object], seconds: float, least: int = LEAST) -> list[float]:
    """How long each of the calls took that were begun within ``seconds``, one after the other."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(took) < least:
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return took

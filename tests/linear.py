"""Whether work grows no faster than its input."""

from __future__ import annotations

import time
from collections.abc import Callable

TOO_SHORT = 0.002  # seconds of processor time that say nothing about growth


def grows_linearly(work: Callable[[int], object], size: int, *, rounds: int = 5) -> None:
    """Do ``work`` for ``size`` and for four times as much; fail where that takes more than nine
    times as long: work with the square takes sixteen times. Processor time, the best of
    ``rounds``, so that neighbours on the machine do not matter; no absolute time is asked for."""
    small, large = size, 4 * size
    before = max(TOO_SHORT, _best(work, small, rounds))
    after = _best(work, large, rounds, enough=9 * before)
    assert after <= 9 * before, f"{large}: {after:.3f} s, {small}: {before:.3f} s"


def _best(work: Callable[[int], object], size: int, rounds: int, enough: float = 0.0) -> float:
    best = float("inf")
    for _round in range(rounds):
        began = time.process_time()
        work(size)
        best = min(best, time.process_time() - began)
        if best <= enough:
            break
    return best

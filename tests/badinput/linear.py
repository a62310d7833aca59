"""Whether the work on an input grows with its size, and not with its square.

``Row`` names something that reads input from outside, with inputs of any size that are bad for it.
``check`` runs it with n and 4n in turn and compares two measures:

- calls of functions, which say the same on every machine;
- processor time of this thread, the least of several runs, for work inside C code (``list.count``,
  a regular expression). What other processes do meanwhile is not counted.

Work that is linear grows fourfold, work that is quadratic sixteenfold. Calls may grow sixfold, time
ninefold: what no longer fits the processor's cache costs up to seven times as much.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FACTOR = 4
CALLS_RATIO = 6.0
TIME_RATIO = 9.0
#: processor seconds that the smaller run takes at least, so that a clock's steps do not matter
ENOUGH = 0.004
ROUNDS = 40
#: calls that a run may make beside those for its input: first imports, caches
CALLS_BESIDE = 400


@dataclass(frozen=True)
class Row:
    """Something that reads input: ``read(make(n))``. ``n`` is where the sizes begin, ``most`` the
    largest size tried (the bound of the reader, where it has one); ``refuses`` are the errors by
    which it says no."""

    name: str
    read: Callable[[Any], Any]
    make: Callable[[int], Any]
    n: int = 500
    most: int = 64_000
    refuses: tuple[type[BaseException], ...] = ()


def check(row: Row, *, counted: bool = True) -> None:
    """Fail where four times the input costs more than it may. ``counted`` False leaves out the
    count of calls, which is as slow as a debugger."""
    n = row.n
    while seconds(row, n) < ENOUGH and 2 * FACTOR * n <= row.most:
        n *= 2
    more = FACTOR * n
    seconds(row, more)  # caches: both runs that are compared meet what they know already
    if counted:
        few, many = calls(row, n), calls(row, more)
        assert many <= CALLS_RATIO * few + CALLS_BESIDE, (
            f"{row.name}: {few} calls for {n}, {many} for {more}"
        )
    least = [float("inf"), float("inf")]
    for _round in range(ROUNDS):
        least = [min(least[0], seconds(row, n)), min(least[1], seconds(row, more))]
        # What takes no time at four times the size needs no comparison.
        if least[1] <= TIME_RATIO * max(least[0], ENOUGH / 4):
            return
    raise AssertionError(
        f"{row.name}: {least[0] * 1000:.1f} ms for {n}, {least[1] * 1000:.1f} ms for {more}"
    )


def seconds(row: Row, n: int) -> float:
    """Processor time of one run, in seconds."""
    given = row.make(n)
    # A collection costs by all that this process holds, which is much after a thousand tests.
    gc.disable()
    try:
        began = time.thread_time()
        with contextlib.suppress(*row.refuses):
            row.read(given)
        return time.thread_time() - began
    finally:
        gc.enable()


def calls(row: Row, n: int) -> int:
    """Calls of one run, of Python's functions and of C's."""
    given, found = row.make(n), 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal found
        if event in ("call", "c_call"):
            found += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with contextlib.suppress(*row.refuses):
            row.read(given)
    finally:
        sys.setprofile(before)
    return found

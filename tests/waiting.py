"""Waiting in tests: for a condition, with a limit that only a fault reaches.

A limit is no measure of anything. A machine that is busy with other work may stop every process for
tens of seconds, so a test that expects something waits PATIENCE for it, and only a test that has
failed takes so long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 120.0
"""Seconds."""
T = TypeVar("T")


def until(condition: Callable[[], T], what: object = "", seconds: float = PATIENCE) -> T:
    """The first true answer of ``condition``. Raises AssertionError with ``what``, a text or a
    function that makes one, when there is none."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {seconds:.0f} s: {said or condition}")
        time.sleep(0.01)
    return answer

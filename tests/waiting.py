"""Waiting in tests: for a condition, with a limit that only a fault reaches.

A limit is no measure of anything. A machine that is busy with other work may stop every process for
tens of seconds, so a test that expects something waits PATIENCE for it, and only a test that has
failed takes so long.

What is waited for needs the processors, too. So a condition is asked again after a pause that is
several times as long as its answer took: a request or a look of the reconciler is not repeated a
hundred times a second, while a flag is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 300.0
"""Seconds."""
SHORTEST, LONGEST = 0.01, 0.25
"""Seconds between two questions."""
SHARE = 4
"""The pause, as a multiple of the time that the answer took."""
T = TypeVar("T")


def until(condition: Callable[[], T], what: object = "", seconds: float = PATIENCE) -> T:
    """The first true answer of ``condition``. Raises AssertionError with ``what``, a text or a
    function that makes one, when there is none."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if answer := condition():
            return answer
        now = time.monotonic()
        if now > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {seconds:.0f} s: {said or condition}")
        time.sleep(min(max(SHORTEST, SHARE * (now - asked)), LONGEST))

"""Periodic tasks on a clock that somebody may set back.

Celery compares wall-clock times: after a clock was set back by a minute, a task of every second
would not be sent for that minute. So a step back is noticed by the clock that nobody sets, the
plan is made anew, and what seems to have been sent in the future is due.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

from celery.beat import PersistentScheduler
from celery.schedules import schedstate, schedule

log = logging.getLogger("modelyard.beat")

STEP = 0.5  # seconds back between two ticks that are no drift


class Every(schedule):  # type: ignore[misc]
    """Every so many seconds."""

    def is_due(self, last_run_at: dt.datetime) -> schedstate:
        state = super().is_due(last_run_at)
        if not state.is_due and state.next > self.seconds:
            return schedstate(is_due=True, next=self.seconds)
        return state


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's own, whose plan does not outlive a step back of the clock."""

    _ahead: float | None = None  # wall clock minus monotonic clock at the last tick

    def tick(self, *args: Any, **options: Any) -> float:
        now, before = time.time() - time.monotonic(), self._ahead
        self._ahead = now
        if before is not None and now < before - STEP:
            log.warning("the clock went back %.0f s: planning anew", before - now)
            self._heap = None
        return float(super().tick(*args, **options))

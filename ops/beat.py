"""Periodic tasks on a clock that somebody may set back.

Celery compares wall-clock times: after a clock was set back by a minute, a task of every second
would not be sent for that minute. So a step back is noticed by the clock that cannot be set, the
plan is made anew, and what seems to have been sent in the future is due.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

from celery.beat import PersistentScheduler, ScheduleEntry
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


class Entry(ScheduleEntry):  # type: ignore[misc]
    """A periodic task; the settings give its pause as a number of seconds."""

    schedule: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if type(self.schedule) is schedule:
            self.schedule = Every(self.schedule.run_every, app=self.app)


class Scheduler(PersistentScheduler):  # type: ignore[misc]
    """Celery's own, whose plan does not outlive a step back of the clock."""

    Entry = Entry

    _ahead: float | None = None  # wall clock minus monotonic clock at the last tick

    def tick(self, *args: Any, **options: Any) -> float:
        now, before = time.time() - time.monotonic(), self._ahead
        self._ahead = now
        if before is not None and now < before - STEP:
            log.warning("the clock went back %.0f s: planning anew", before - now)
            self._heap = None
        return float(super().tick(*args, **options))

    def _create_schedule(self) -> None:
        """The kept plan names classes; one of another version may name some that are not here."""
        try:
            super()._create_schedule()
        except (ImportError, AttributeError) as error:
            log.warning("the kept plan is of another version (%s): planning anew", error)
            self._remove_db()
            self._store = self._open_schedule()
            super()._create_schedule()

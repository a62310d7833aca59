"""Periods of the periodic tasks, on a clock that somebody may set back."""

from __future__ import annotations

import datetime as dt

from celery.schedules import schedstate, schedule


class Every(schedule):
    """Every so many seconds. Celery compares wall-clock times: after a clock was set back by a
    minute, a task of every second would not be sent for that minute."""

    def is_due(self, last_run_at: dt.datetime) -> schedstate:
        state = super().is_due(last_run_at)
        if not state.is_due and state.next > self.seconds:
            return schedstate(is_due=True, next=self.seconds)
        return state

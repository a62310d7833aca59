"""A worker that takes no messages for a while: what passes in a moment can then be hit."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError
from redis import RedisError

from ops.drill.processes import Host, Process
from ops.drill.work import until
from ops.supervisor.programs import WORKER_NAME

QUEUE = "celery"
ANSWERS_WITHIN = 1.0
WITHIN = 60.0


class Consumer:
    """The worker's consumption of messages, stopped and resumed by Celery's own commands."""

    def __init__(self, host: Host, app: Celery) -> None:
        self._host, self._app = host, app
        self._paused: Process | None = None

    def pause(self) -> None:
        """Raises StepFailed when no worker does as asked."""
        until("the worker's pause", lambda: self._ask("cancel_consumer"), within=WITHIN)
        self._paused = self._host.program("worker")

    def resume(self) -> None:
        """A worker that was started again meanwhile takes messages by itself."""
        before, self._paused = self._paused, None
        if before is None:
            return
        end = time.monotonic() + WITHIN
        while before.alive and time.monotonic() < end and not self._ask("add_consumer"):
            time.sleep(0.1)

    def _ask(self, command: str) -> bool:
        tell: Any = getattr(self._app.control, command)
        try:
            answers = tell(QUEUE, reply=True, timeout=ANSWERS_WITHIN, destination=[WORKER_NAME])
        except (OSError, KombuError, RedisError):
            return False
        return any("ok" in words for answer in answers or () for words in answer.values())

"""Stop every job and model server of this installation in order; ./run calls it when it stops."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compute import local
from compute.backends.base import Backend, Observation, UnknownAttempt
from serving.service import instances
from serving.service.models import Instance

GRACE_SECONDS = 15.0
WITHIN_SECONDS = 45.0  # ./run gives the command 60 s
LOOK_SECONDS = 0.2
CODE = "PLATFORM_STOPPED"
MESSAGE = "Modelyard was stopped on this machine. Outputs written so far are kept."


class Command(BaseCommand):
    """``manage.py stop_runners``: jobs end as Terminated with reason PLATFORM_STOPPED and keep
    their outputs; services come back by themselves when Modelyard starts again."""

    help = "Stop all running jobs and model servers of this installation, in order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--within",
            type=float,
            default=WITHIN_SECONDS,
            help="seconds until what still runs is killed (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        backend = local.current()
        found = running(backend)
        rows = Instance.objects.filter(pk__in=[seen.attempt for seen in found])
        services = {str(row.pk): row for row in rows}
        for seen in found:
            if seen.attempt in services:
                # Marked as asked to end: coming up again later is a start, not a crash.
                instances.end(services[seen.attempt], grace_seconds=GRACE_SECONDS)
            else:
                stop(backend, seen.attempt)
        left = wait(backend, time.monotonic() + options["within"])
        for seen in left:
            backend.kill(seen.attempt)
        if left:
            wait(backend, time.monotonic() + 5.0)
        self.stdout.write(f"stopped {len(found)} runners, {len(left)} of them by force")


def running(backend: Backend) -> list[Observation]:
    """Attempts whose runner is there."""
    return [seen for seen in backend.sweep() if seen.alive]


def stop(backend: Backend, attempt: str) -> None:
    """Ask one job to end. One that was removed meanwhile needs no asking."""
    try:
        backend.stop(attempt, GRACE_SECONDS, code=CODE, message=MESSAGE)
    except UnknownAttempt:
        return


def wait(backend: Backend, deadline: float) -> list[Observation]:
    """Look until no runner is there or the time is over; returns what is left."""
    while left := running(backend):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    return left

"""Stop every job and model server of this installation in order; ./run calls it when it stops."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compute import attempts, local
from compute.backends.base import Backend, Observation, UnknownAttempt

GRACE_SECONDS = 15.0
WITHIN_SECONDS = 45.0  # ./run gives the command 60 s
KILLED_SECONDS = 5.0  # until a killed process is out of the table
LOOK_SECONDS = 0.2
MESSAGE = "Modelyard was stopped on this machine. Outputs written so far are kept."


class Command(BaseCommand):
    """``manage.py stop_runners``: every runner ends with the reason PLATFORM_STOPPED. Reconcilers
    start its job or service again when Modelyard starts, without counting a failure."""

    help = "Stop all running jobs and model servers of this installation, in order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--within",
            type=float,
            default=WITHIN_SECONDS,
            help="seconds until what still runs is killed (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        backend = local.current()
        found = running(backend)
        for seen in found:
            stop(backend, seen.attempt)
        left = wait(backend, time.monotonic() + options["within"])
        for seen in left:
            backend.kill(seen.attempt)
        if left:
            wait(backend, time.monotonic() + KILLED_SECONDS)
        backend.rest()
        self.stdout.write(f"stopped {len(found)} runners, {len(left)} of them by force")


def running(backend: Backend) -> list[Observation]:
    """Attempts whose runner is there."""
    return [seen for seen in backend.sweep() if seen.alive]


def stop(backend: Backend, attempt: str) -> None:
    """Ask one runner to end. One that was removed meanwhile needs no asking."""
    try:
        backend.stop(attempt, GRACE_SECONDS, code=attempts.PLATFORM_STOPPED, message=MESSAGE)
    except UnknownAttempt:
        return


def wait(backend: Backend, deadline: float) -> list[Observation]:
    """Look until no runner is there or the time is over; returns what is left."""
    while left := running(backend):
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    return left

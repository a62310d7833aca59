"""Celery tasks of this room. They carry nothing and may run twice."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from compute import attempts, environment, local
from core import installation, reconcile


@shared_task(name="compute.sweep", ignore_result=True)
def sweep() -> str:
    """Look for processes without an owner, old working files, slots without an attempt, and builds
    of engines that newer ones have replaced. One at a time over all workers."""
    with reconcile.lease("compute.sweep") as holder:
        if holder is None:
            return "busy"
        swept = attempts.sweep()
        engines = environment.prune() if installation.sweeps_allowed() else 0
        return f"{swept}, {engines} old engines removed"


@worker_ready.connect
def tell_address(**_signal: Any) -> None:
    """Runners that outlived the platform hear from every worker of their host where it is now."""
    local.write_address()

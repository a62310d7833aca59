"""Engines of this host: is one there, and if not, start building it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from compute.engines import manage
from compute.engines.catalogue import ENGINES

log = logging.getLogger("modelyard.engines")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether programs can run in an engine now; else how far its build is, in percent."""

    ready: bool
    failed: bool
    percent: int
    message: str


def root() -> Path:
    """Where engines lie. One host's engines are that host's own."""
    return Path(settings.MODELYARD_ENGINES)


def ensure(name: str) -> Readiness:
    """Look at an engine and start its build where nobody has yet. Never waits.

    A build that failed is not started again by itself: the operator looks at it first.
    """
    found = manage.status(root(), name)
    if found.usable:
        return Readiness(True, False, 100, found.message)
    if found.phase == "failed":
        return Readiness(False, True, 0, found.message)
    if found.phase == "absent":
        manage.launch_build(root(), name)
        return Readiness(False, False, 0, "Starting the build.")
    return Readiness(False, False, found.percent, found.message)


def path(name: str) -> Path:
    """Directory to run from. Raises RuntimeError while the engine is not usable."""
    found = manage.status(root(), name)
    if found.path is None:
        raise RuntimeError(f"Engine {name} is {found.phase}: {found.message}")
    return found.path


def statuses() -> list[manage.EngineStatus]:
    """All declared engines, for the page."""
    return [manage.status(root(), name) for name in ENGINES]


def prune() -> int:
    """Remove builds that newer ones have replaced and nobody runs from; returns how many."""
    removed = manage.prune(root())
    for directory in removed:
        log.info("engine build %s was replaced and is used by nobody: removed", directory.name)
    return len(removed)

"""Engines of this host: is one there, and if not, start building it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from compute import messages
from compute.engines import manage
from compute.engines.catalogue import ENGINES
from core import access, audit
from core import actor as actors
from core.actor import Actor
from core.errors import NotFound

BUILD = "modelarts:image:create"

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
    """Look at an engine and start its build where none is under way. Never waits.

    A build that failed is not started again by itself: the operator looks at it first.
    """
    found = manage.status(root(), name)
    if found.usable:
        return Readiness(True, False, 100, found.message)
    if found.phase == "failed":
        return Readiness(False, True, 0, found.message)
    if found.phase == "absent":
        _build(actors.system("compute"), name)
        return Readiness(False, False, 0, messages.BUILD_STARTS())
    return Readiness(False, False, found.percent, found.message)


def prepare(actor: Actor, name: str) -> bool:
    """Start the build of an engine, or start it again; False where there is nothing to do.

    Raises: NotFound (no such engine), AccessDenied.
    """
    if name not in ENGINES:
        raise NotFound()
    access.authorize(actor, BUILD)
    if manage.status(root(), name).phase not in ("absent", "failed", "stale"):
        return False
    with access.writing(actor):
        _build(actor, name, access.authorize(actor, BUILD).id)
    return True


def _build(actor: Actor, name: str, decision_id: str = "") -> None:
    """Start a build and say so in the trail: of the account whose user asked, of no account where
    the platform needs the engine for a job or a service."""
    with transaction.atomic():
        audit.record(
            actor,
            event="buildEngine",
            action=BUILD,
            resource_type="compute.engine",
            resource_id=name,
            resource_name=name,
            decision_id=decision_id,
        )
        manage.launch_build(root(), name)


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
    """Remove builds that newer ones have replaced and no process runs from; returns how many."""
    removed = manage.prune(root())
    for directory in removed:
        log.info("engine build %s was replaced and is not used: removed", directory.name)
    return len(removed)

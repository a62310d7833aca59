"""One world per module; every request is undone. Engines are never built from here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from console.pages import live
from tests.doors.world import World, build


@pytest.fixture(scope="module")
def world(
    django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The owner, everybody who may come, and one object of every type."""
    var: Path = tmp_path_factory.mktemp("badinput")
    patch = pytest.MonkeyPatch()
    patch.setattr(live, "STREAM_SECONDS", 0)
    patch.setattr("compute.engines.manage.launch_build", lambda *given: None)
    settings = override_settings(VAR_DIR=var, MODELYARD_ENGINES=str(var / "engines"))
    with django_db_blocker.unblock(), settings, transaction.atomic():
        yield build()
        transaction.set_rollback(True)
    patch.undo()

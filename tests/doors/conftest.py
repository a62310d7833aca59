"""The world is built once; every knock happens in a savepoint that is undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
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
    """Shared by a module's tests: they must not keep what they change (see ``undone``)."""
    var: Path = tmp_path_factory.mktemp("doors")
    patch = pytest.MonkeyPatch()
    patch.setattr(live, "STREAM_SECONDS", 0)
    patch.setattr(live, "connection", SimpleNamespace(close=lambda: None))  # it is ours
    with django_db_blocker.unblock(), override_settings(VAR_DIR=var), transaction.atomic():
        yield build()
        transaction.set_rollback(True)
    patch.undo()

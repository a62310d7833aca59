"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

append_only_migration = import_module("core.migrations.0002_audit_append_only")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: Any, django_db_blocker: Any) -> None:
    """SQLite clears tables with DELETE after a transactional test, which the trail refuses: its
    trigger is off in tests but for those that ask for ``append_only``."""
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")


@pytest.fixture
def append_only(db: None) -> Iterator[None]:
    """The trail's triggers as the migration makes them."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(append_only_migration.SQLITE[1])
    yield

"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

append_only_migration = import_module("core.migrations.0002_audit_append_only")
not_replaced_migration = import_module("core.migrations.0005_audit_not_replaced")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: Any, django_db_blocker: Any) -> None:
    """After a transactional test SQLite clears tables with DELETE and PostgreSQL with TRUNCATE,
    which the trail refuses: that trigger is off in tests but for those that ask for
    ``append_only``."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_truncate ON core_auditrecord")


@pytest.fixture
def append_only(db: None) -> Iterator[None]:
    """The trail's triggers as the migration makes them."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(append_only_migration.SQLITE[1])
        else:
            cursor.execute(not_replaced_migration.POSTGRESQL[0])
    yield

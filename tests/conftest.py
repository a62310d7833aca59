"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests import databases, order

append_only_migration = import_module("core.migrations.0002_audit_append_only")
not_replaced_migration = import_module("core.migrations.0005_audit_not_replaced")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``-m postgresql`` does not even import what it would leave out."""
    if not config.option.markexpr.startswith(databases.MARK):
        return None
    if not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return None if databases.on_postgresql(collection_path) else True


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if databases.on_postgresql(item.path):
            item.add_marker(databases.MARK)
    order.longest_first(items)


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.LongestFirst | None:
    return order.LongestFirst(config, log) if config.option.dist == "loadfile" else None


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

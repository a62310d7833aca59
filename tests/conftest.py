"""What every test shares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from tests import databases, emptying, order, template

append_only_migration = import_module("core.migrations.0002_audit_append_only")
not_replaced_migration = import_module("core.migrations.0005_audit_not_replaced")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``-m postgresql`` does not even import what it would leave out."""
    if not config.option.markexpr.startswith(databases.MARK):
        return None
    if not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return None if databases.on_postgresql(collection_path) else True


class LongestFirst:
    """After pytest-django's order, which holds inside a file. No file needs that between files:
    a table that a transactional test has emptied is as empty as migrations leave it."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order.longest_first(items)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LongestFirst())


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what is for PostgreSQL."""
    for item in items:
        if databases.on_postgresql(item.path):
            item.add_marker(databases.MARK)


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.LongestFirst | None:
    return order.LongestFirst(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """What pytest-django asks for before it makes the database."""
    if connection.vendor == "sqlite":
        template.begin_with_it(connection.creation)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: Any, django_db_blocker: Any) -> None:
    """After a transactional test SQLite clears the trail with DELETE and PostgreSQL with TRUNCATE,
    which it refuses: that trigger is off in tests but for those that ask for
    ``append_only``."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_truncate ON core_auditrecord")
        emptying.delete_what_is_there(connection)


@pytest.fixture(scope="session", autouse=True)
def no_minute_ends() -> Iterator[None]:
    """Sessions and tokens note their use once a minute. In a test that counts queries the minute
    would end between two requests of a busy machine."""
    from accounts.session import services as sessions
    from accounts.token import uses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "SEEN_EVERY", 1500)
        patch.setattr(uses, "EVERY", dt.timedelta(seconds=1500))
        yield


@pytest.fixture(autouse=True)
def no_language_stays() -> Iterator[None]:
    """A request in another language leaves it active; the next test starts without."""
    yield
    translation.deactivate()


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> dt.datetime:
    """The moment at which Django's clock stands: no delay of seconds ends between two requests."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


@pytest.fixture
def append_only(db: None) -> Iterator[None]:
    """The trail's triggers as the migration makes them."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(append_only_migration.SQLITE[1])
        else:
            cursor.execute(not_replaced_migration.POSTGRESQL[0])
    yield

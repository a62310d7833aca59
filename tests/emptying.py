"""How the tables are emptied after a test that commits.

Django empties all of them and makes types of content and permissions anew, which migrations leave
there: a look at every model for every test. Both stay, therefore.

On PostgreSQL Django truncates. That makes new files for sixty tables and their indexes, which takes
a server longer than most tests take, while a test fills a few tables with a few rows. So rows are
deleted where there are some.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.core.management.commands import flush
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.waiting import PATIENCE

MANY = 1000  # rows from which emptying a table for good is worth it: the deleted ones stay a while
KEPT = {"django_content_type", "auth_permission"}
#: tests of plans expect tables that nobody has counted, as after a truncation
ANALYZED = "SELECT count(*) > 0 FROM pg_class WHERE relname = ANY(%s) AND reltuples >= 0"
UNCOUNTED = "ALTER TABLE {} SET (autovacuum_enabled = off);"
#: refuses to delete, and nothing refers to it
TRAIL = "core_auditrecord"


def delete_what_is_there(connection: BaseDatabaseWrapper) -> None:
    """From now on, for every connection of this kind; everything is in one transaction, and foreign
    keys are looked at at its end."""
    kind = type(connection.ops)
    if hasattr(kind, "emptied_by_us"):
        return
    original: Any = kind.sql_flush
    run: Any = kind.execute_sql_flush

    def statements(self: Any, style: Any, tables: Iterable[str], **options: Any) -> list[str]:
        connection, django = self.connection, partial(original, self)
        names = [name for name in tables if name not in KEPT]
        if connection.vendor == "sqlite" or options.get("reset_sequences"):
            return list(django(style, names, **options))
        quoted = {name: connection.ops.quote_name(name) for name in names}
        look = " UNION ALL ".join(
            f"SELECT '{name}', count(*) FROM (SELECT 1 FROM {table} LIMIT {MANY}) AS few"
            for name, table in quoted.items()
        )
        with connection.cursor() as cursor:
            cursor.execute(look)
            rows = {name: count for name, count in cursor.fetchall() if count}
            cursor.execute(ANALYZED, [names])
            (analyzed,) = cursor.fetchone()
        if analyzed or max(rows.values(), default=0) >= MANY:
            return list(django(style, names, **options))
        found = [f"DELETE FROM {quoted[name]};" for name in rows if name != TRAIL]
        return [*(f"TRUNCATE {quoted[name]};" for name in rows if name == TRAIL), *found]

    if connection.vendor == "postgresql":
        tables = connection.introspection.django_table_names(only_existing=True)
        with connection.cursor() as cursor:
            quoted = [connection.ops.quote_name(name) for name in tables]
            cursor.execute("".join(UNCOUNTED.format(name) for name in quoted))

    def once_nothing_is_read(self: Any, sql_list: list[str]) -> None:
        """A page that a browser had open may still be read by a thread of the test's server, which
        SQLite in memory refuses at once."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return run(self, sql_list)
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    kind.emptied_by_us = True  # type: ignore[attr-defined]
    kind.sql_flush = statements  # type: ignore[method-assign]
    kind.execute_sql_flush = once_nothing_is_read  # type: ignore[method-assign,assignment]
    flush.emit_post_migrate_signal = lambda *given: None  # type: ignore[assignment]

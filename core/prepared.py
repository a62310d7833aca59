"""Queries that are asked on every request: their SQL is compiled once, not every time.

Building SQL takes Django's ORM five to ten times as long as SQLite takes to answer a look-up by
key (benchmarks/README.md). A ``Prepared`` keeps the ORM as the place where the query is written,
so that columns, joins and both databases stay its business, and pays for it once per thread.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import QuerySet

Row = tuple[Any, ...]


class Prepared:
    """A ``values_list`` query with named values.

    ``build(**values)`` returns the query set; ``fields`` gives each value's model field, which says
    how the value is written in the database's own form. Values may not be None, and each must take
    part in the query as it is (no computed parameters).
    """

    def __init__(
        self, build: Callable[..., QuerySet[Any, Any]], **fields: models.Field[Any, Any]
    ) -> None:
        self._build = build
        self._fields = fields
        self._local = threading.local()

    def rows(self, **values: Any) -> list[Row]:
        """All rows for these values."""
        connection = connections[DEFAULT_DB_ALIAS]
        known = getattr(self._local, "known", None)
        if known is None or known[0] is not connection:
            known = self._local.known = (connection, *self._compile(connection))
        _connection, sql, slots, compiler, converters = known
        parameters = [
            constant
            if name is None
            else self._fields[name].get_db_prep_value(values[name], connection, prepared=False)
            for name, constant in slots
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
        if converters and found:
            return [tuple(row) for row in compiler.apply_converters(found, converters)]
        return list(found)

    def row(self, **values: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(**values)
        return found[0] if found else None

    def _compile(self, connection: Any) -> tuple[str, list[tuple[str | None, Any]], Any, Any]:
        marks = {name: _mark(field) for name, field in self._fields.items()}
        written = {
            name: field.get_db_prep_value(marks[name], connection, prepared=False)
            for name, field in self._fields.items()
        }
        compiler = self._build(**marks).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        slots: list[tuple[str | None, Any]] = []
        for parameter in parameters:
            name = next(
                (n for n, w in written.items() if type(w) is type(parameter) and w == parameter),
                None,
            )
            slots.append((name, None if name else parameter))
        missing = set(self._fields) - {name for name, _constant in slots}
        if missing:
            raise TypeError(f"{', '.join(sorted(missing))} does not appear in the query: {sql}")
        converters = compiler.get_converters([part[0] for part in compiler.select])
        return sql, slots, compiler, converters


def _mark(field: models.Field[Any, Any]) -> Any:
    """A value of the field's kind that no query would hold by chance."""
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.CharField):
        return uuid.uuid4().hex[: field.max_length or 32]
    raise TypeError(f"no mark for a {type(field).__name__}")

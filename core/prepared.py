"""Queries that are asked on every request: their SQL is compiled once, not every time.

Building SQL takes Django's ORM five to ten times as long as SQLite takes to answer a look-up by
key (benchmarks/README.md). A ``Prepared`` keeps the ORM as the place where the query is written,
so that columns, joins and both databases stay its business, and pays for it once per thread.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import QuerySet

Row = tuple[Any, ...]
M = TypeVar("M", bound=models.Model)


class NotAnswered(BaseException):
    """Inside ``answered`` something was asked that had not been asked beforehand.

    No Exception: whatever turns errors into an answer (a deny, a 500) must not make one of this.
    """


class Question(NamedTuple):
    """A prepared query with its values, in the order of its fields."""

    query: Prepared
    values: tuple[Any, ...]


_answers: ContextVar[Mapping[Question, list[Row]] | None] = ContextVar(
    "modelyard_answers", default=None
)


class answered:  # no generator: every request makes one
    """Until the block ends the database is not asked: these are its answers. Whatever else is asked
    raises NotAnswered."""

    def __init__(self, answers: Mapping[Question, list[Row]]) -> None:
        self._given = answers

    def __enter__(self) -> None:
        self._before = _answers.set(self._given)

    def __exit__(self, *_error: object) -> None:
        _answers.reset(self._before)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as one database reads it: the SQL, which value or constant each parameter is, and
    what the columns become."""

    sql: str
    slots: list[tuple[int | None, Any]]
    compiler: Any
    converters: Any

    def rows(self, found: list[Row]) -> list[Row]:
        """What the driver read, as the model's fields hold it."""
        if self.converters and found:
            return [tuple(row) for row in self.compiler.apply_converters(found, self.converters)]
        return found


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

    def ask(self, **values: Any) -> Question:
        """The question for these values, to be asked in advance (``answered``)."""
        return Question(self, tuple(values[name] for name in self._fields))

    def rows(self, **values: Any) -> list[Row]:
        """All rows for these values. Raises NotAnswered."""
        question = self.ask(**values)
        answers = _answers.get()
        if answers is not None:
            found = answers.get(question)
            if found is None:
                raise NotAnswered
            return found
        connection = connections[DEFAULT_DB_ALIAS]
        known = getattr(self._local, "known", None)
        if known is None or known[0] is not connection:
            known = self._local.known = (connection, self.statement(connection))
        statement: Statement = known[1]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, self.written(statement, question, connection))
            return statement.rows(list(cursor.fetchall()))

    def row(self, **values: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(**values)
        return found[0] if found else None

    def written(self, statement: Statement, question: Question, connection: Any) -> list[Any]:
        """The parameters of the SQL for this question."""
        fields, values = tuple(self._fields.values()), question.values
        return [
            constant
            if place is None
            else fields[place].get_db_prep_value(values[place], connection, prepared=False)
            for place, constant in statement.slots
        ]

    def statement(self, connection: Any) -> Statement:
        """The query compiled for the database of ``connection``, which is not asked."""
        marks = {name: _mark(field) for name, field in self._fields.items()}
        written = [
            field.get_db_prep_value(marks[name], connection, prepared=False)
            for name, field in self._fields.items()
        ]
        compiler = self._build(**marks).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        slots: list[tuple[int | None, Any]] = []
        for parameter in parameters:
            place = next(
                (i for i, w in enumerate(written) if type(w) is type(parameter) and w == parameter),
                None,
            )
            slots.append((place, parameter if place is None else None))
        used = {place for place, _constant in slots}
        missing = [name for place, name in enumerate(self._fields) if place not in used]
        if missing:
            raise TypeError(f"{', '.join(sorted(missing))} does not appear in the query: {sql}")
        converters = compiler.get_converters([part[0] for part in compiler.select])
        return Statement(sql, slots, compiler, converters)


class PreparedRow(Generic[M]):
    """The first row of a prepared query, as an instance of ``model`` with all its columns.

    ``build(**values)`` returns the query set; see ``Prepared`` for the values.
    """

    def __init__(
        self,
        model: type[M],
        build: Callable[..., QuerySet[M]],
        **fields: models.Field[Any, Any],
    ) -> None:
        self._model = model
        self._names = [field.attname for field in model._meta.concrete_fields]
        self._query = Prepared(
            lambda **values: build(**values).values_list(*self._names)[:1], **fields
        )

    def get(self, **values: Any) -> M | None:
        """The row, or None. Raises NotAnswered."""
        found = self._query.row(**values)
        if found is None:
            return None
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, found)


def _mark(field: models.Field[Any, Any]) -> Any:
    """A value of the field's kind that no query would hold by chance."""
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.CharField):
        return uuid.uuid4().hex[: field.max_length or 32]
    if isinstance(field, models.DateTimeField):
        spent = dt.timedelta(microseconds=secrets.randbelow(1 << 57))  # of 4,500 years
        return dt.datetime(1, 1, 1, tzinfo=dt.UTC) + spent
    raise TypeError(f"no mark for a {type(field).__name__}")

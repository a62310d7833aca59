"""SQLite answers a look-up sooner than a thread can be woken: it is asked in the event loop itself.

Only to read, and never to wait: the connection refuses to write and gives up at once where another
would be waited for. What needs either (a denial is put on record, the use of a token is noted), or
more than the questions known beforehand, is asked again in a thread, from the beginning.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

from core.prepared import Prepared, Question, Row, Statement
from serving.gateway.inside import Inside, marked

T = TypeVar("T")
#: questions whose last answer is kept
MAX_KEPT = 1024


class Last(NamedTuple):
    """What a question was written as, what the database answered to it last, and what that became.
    It is asked again every time: only the same answer is not converted once more."""

    values: list[Any]
    found: list[Row]
    rows: list[Row]


class Reader:
    """Asks ``queries`` in the thread that calls, over a connection of its own."""

    def __init__(self, *queries: Prepared) -> None:
        self._inside = Inside()
        self._wrapper: Any = connections.create_connection(DEFAULT_DB_ALIAS)
        self._known: dict[Prepared, tuple[str, Statement]] = {}
        for query in queries:
            statement = query.statement(self._wrapper)
            self._known[query] = (marked(statement, lambda _number: "?"), statement)
        self._driver: sqlite3.Connection | None = None
        self._until = 0.0
        self._last: dict[Question, Last] = {}

    async def ask(self, questions: Sequence[Question], work: Callable[[], T]) -> T | None:
        """What ``work`` returns, given the answers to ``questions``; None where it needs more than
        them, or the database fails: a thread has to be asked."""
        try:
            driver = self._open()
            answers = {question: self._rows(driver, question) for question in questions}
        except (sqlite3.Error, DatabaseError):
            self.close()
            return None
        return self._inside.run(answers, work)

    def close(self) -> None:
        """Let go of the connection; the next question makes a new one."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def _open(self) -> sqlite3.Connection:
        """The connection, made anew now and then as all are: its file may have been replaced."""
        now = time.monotonic()
        if self._driver is None or now >= self._until:
            self.close()
            given = self._wrapper.get_connection_params()
            self._driver = sqlite3.connect(
                given["database"],
                uri=given["uri"],
                detect_types=given["detect_types"],
                timeout=0,
                isolation_level=None,
            )
            self._driver.execute("PRAGMA query_only=ON")
            self._until = now + settings.DATABASES[DEFAULT_DB_ALIAS]["CONN_MAX_AGE"]
        return self._driver

    def _rows(self, driver: sqlite3.Connection, question: Question) -> list[Row]:
        sql, statement = self._known[question.query]
        last = self._last.get(question)
        if last is None:
            values: list[Any] = question.query.written(statement, question, self._wrapper)
        else:
            values = last.values
        found = driver.execute(sql, values).fetchall()
        if last is not None and last.found == found:
            return last.rows
        rows = statement.rows(found)
        if len(self._last) >= MAX_KEPT:
            self._last.clear()
        self._last[question] = Last(values, found, rows)
        return rows


def reader(*queries: Prepared) -> Reader | None:
    """A reader where the database is a file of this machine."""
    return Reader(*queries) if connection.vendor == "sqlite" else None

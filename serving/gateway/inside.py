"""What both ways of asking in the event loop share: work that is given its answers beforehand."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections

from core.prepared import NotAnswered, Question, Row, Statement, answered

T = TypeVar("T")


class Inside:
    """Runs work that finds its answers ready and reaches no database: that would hold the loop."""

    def __init__(self) -> None:
        self._context: contextvars.Context | None = None

    def run(self, answers: Mapping[Question, list[Row]], work: Callable[[], T]) -> T | None:
        """What ``work`` returns; None where it asks for more or writes: a thread has to be asked,
        from the beginning. To be called in an event loop."""
        if self._context is None:
            # Django keeps a thread's connection apart from those of its tasks, so this one is
            # nobody else's.
            self._context = contextvars.copy_context()
            self._context.run(_refuse_all)
        return self._context.run(_answered, answers, work)


def _answered(answers: Mapping[Question, list[Row]], work: Callable[[], T]) -> T | None:
    try:
        with answered(answers):
            return work()
    except NotAnswered:
        return None


def _refuse_all() -> None:
    def refuse(*_given: Any) -> None:
        raise NotAnswered

    closed: Any = connections.create_connection(DEFAULT_DB_ALIAS)
    closed.cursor = refuse
    closed.ensure_connection = refuse
    connections[DEFAULT_DB_ALIAS] = closed


def marked(statement: Statement, mark: Callable[[int], str]) -> str:
    """The SQL with ``mark(1)``, ``mark(2)`` ... for Django's ``%s``. Raises TypeError."""
    parts = statement.sql.split("%s")
    if len(parts) != len(statement.slots) + 1 or any("%" in part for part in parts):
        raise TypeError(f"parameters cannot be marked in: {statement.sql}")
    marks = (mark(number) for number in range(1, len(parts)))
    return "".join(part + sign for part, sign in zip(parts, marks, strict=False)) + parts[-1]

"""SQLite answers a look-up sooner than a thread can be woken: it is asked in the event loop itself.

Only to read, and never to wait: the connection refuses to write and gives up at once where another
would be waited for. What needs either (a denial is put on record, the use of a token is noted)
fails here and is asked again in a thread, from the beginning.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connection

T = TypeVar("T")
PRAGMAS = ("PRAGMA query_only=ON", "PRAGMA busy_timeout=0")


class Reader:
    """Asks in the thread that calls, over a connection of its own.

    Django keeps a connection per task of an event loop. So that it is one for all requests, they
    are asked in one context.
    """

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._bound: Any = None

    def ask(self, work: Callable[[], T]) -> T | None:
        """What ``work`` returns; None where it has to write or wait, or the database fails. To be
        called in an event loop: outside one the connection would be the thread's."""
        return self._context.run(self._ask, work)

    def _ask(self, work: Callable[[], T]) -> T | None:
        try:
            self._bind()
            return work()
        except (DatabaseError, InterfaceError):
            return None

    def _bind(self) -> None:
        connection.close_if_unusable_or_obsolete()
        connection.ensure_connection()
        if connection.connection is not self._bound:
            for pragma in PRAGMAS:
                connection.connection.execute(pragma)
            self._bound = connection.connection


def reader() -> Reader | None:
    """A reader where the database is a file of this machine; others are waited for in threads."""
    return Reader() if connection.vendor == "sqlite" else None

"""How long a request may take in all, kept where it asks the database.

Every statement is preceded by a look at the clock, and one that runs beyond the end is interrupted:
on SQLite by a progress handler, on PostgreSQL by ``statement_timeout``, which counts waiting for
locks. What runs neither (a long loop in C code between two statements) is not interrupted; the
bounds on input are there for that. Looks have ``core.alarm``, which may use a signal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

from django.db import DatabaseError, connection
from django.db.backends.signals import connection_created

from core import messages
from core.errors import Unavailable

#: steps of SQLite's machine between two looks at the clock; about a millisecond
STEPS = 50_000
#: seconds that a writer of SQLite waits for the one before it (``timeout`` of the settings)
BUSY_SECONDS = 20.0

_until: ContextVar[float | None] = ContextVar("deadline", default=None)


class TookTooLong(Unavailable):
    """The request was ended at its deadline; its transaction is rolled back."""

    code = "REQUEST_TOO_LONG"


def too_long() -> TookTooLong:
    return TookTooLong(messages.REQUEST_TOO_LONG(), extra={"retry_after": 10})


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End what asks the database after ``seconds``, counted from now. Raises TookTooLong."""
    token = _until.set(monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)
        database: Any = connection
        if getattr(database, "deadline_moved", False) and not database.in_atomic_block:
            database.close()  # its limits were those of a request that is over
            database.deadline_moved = False


def left() -> float | None:
    """Seconds until the deadline, None where there is none."""
    end = _until.get()
    return None if end is None else end - monotonic()


def passed() -> bool:
    """Whether there is a deadline and it is over."""
    seconds = left()
    return seconds is not None and seconds <= 0


def watch(sender: Any, connection: Any, **_more: Any) -> None:
    """Receiver of ``connection_created``: every connection knows the deadline of the request that
    uses it in this thread."""
    connection.deadline_limit = None
    if _before not in connection.execute_wrappers:
        connection.execute_wrappers.append(_before)
    if connection.vendor == "sqlite":
        connection.connection.set_progress_handler(passed, STEPS)


def _before(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    database = context["connection"]
    if _until.get() is not None or database.deadline_limit is not None:
        _keep_to_it(database, sql)
    try:
        return execute(sql, params, many, context)
    except DatabaseError:
        # The frames of an error form a cycle. Were the cursor open, a collection of garbage would
        # close it, in any thread: one that holds SQLite's write lock would wait for this
        # connection, which waits for that lock, until the busy timeout.
        context["cursor"].close()
        raise


def _keep_to_it(database: Any, sql: str) -> None:
    """Nothing begins after the deadline, and nothing goes on after it. Raises TookTooLong."""
    if sql.startswith("ROLLBACK"):  # what is given up is undone at any time
        return
    seconds = left()
    if seconds is not None and seconds <= 0:
        raise too_long()
    if database.vendor == "postgresql":
        _limit_statement(database, seconds)
    elif seconds is not None and sql.startswith("BEGIN") and seconds < BUSY_SECONDS:
        database.connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000) + 1}")
        database.deadline_moved = True


def _limit_statement(database: Any, seconds: float | None) -> None:
    """Set the server's limit where the one that is set differs much from what is left: once per
    connection, and again by halves in a request that takes long. None takes it away."""
    limit = database.deadline_limit
    if seconds is None and limit is None:
        return
    if seconds is not None and limit is not None:
        if limit / 2 <= seconds <= limit + 1:
            return
        database.deadline_moved = True
    with database.connection.cursor() as cursor:
        milliseconds = 0 if seconds is None else int(seconds * 1000) + 1
        cursor.execute(f"SET statement_timeout = {milliseconds}")
    database.deadline_limit = seconds


def connect() -> None:
    """Watch every connection of this process."""
    connection_created.connect(watch, dispatch_uid="core.deadline")

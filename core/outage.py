"""Errors that mean "a part is away right now": the request is not wrong, and later it will work."""

from __future__ import annotations

import errno

from django.db import InterfaceError, OperationalError

from core import deadline, messages
from core.errors import Unavailable

#: seconds after which a caller may try again
RETRY_AFTER = 3
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
QUERY_CANCELED = "57014"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
#: OperationalErrors of SQLite that are mistakes of ours
_MISTAKES = ("no such table", "no such column", "has no column")


def of(error: BaseException) -> Unavailable | None:
    """The 503 that says what is away, or None where the error is of another kind."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        text = str(error).lower()
        if text == "interrupted" or getattr(error.__cause__, "sqlstate", "") == QUERY_CANCELED:
            return deadline.too_long()
        if any(mistake in text for mistake in _MISTAKES):
            return None
        if "full" in text or "no space" in text:
            return _away(messages.DISK_FULL())
        return _away(messages.DATABASE_AWAY())
    if isinstance(error, OSError) and error.errno in _FULL:
        return _away(messages.DISK_FULL())
    return None


def _away(message: str) -> Unavailable:
    return Unavailable(message, extra={"retry_after": RETRY_AFTER})

"""Writes that are a help and no duty: made at once, or not at all while the database is busy.

SQLite has one writer. A request that waits for it holds a thread and a caller; a note such as "last
used" is not worth that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection


@contextlib.contextmanager
def nowait() -> Iterator[None]:
    """What is written inside is dropped where it would have to wait for another writer.

    On PostgreSQL writers wait for rows only: lock them first, with ``skip_locked``. Inside a
    transaction nothing is dropped: it has the writer's place already.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    driver: Any = connection.connection
    driver.execute("PRAGMA busy_timeout=0")
    try:
        yield
    except OperationalError as error:
        if "locked" not in str(error):
            raise
    finally:
        seconds = settings.DATABASES[DEFAULT_DB_ALIAS].get("OPTIONS", {}).get("timeout", 5)
        driver.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")

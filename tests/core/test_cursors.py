"""A cursor whose statement failed is closed, so that garbage holds no thread."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from core.nowait import nowait
from tests.threads import shared_database, together

__all__ = ["shared_database"]  # a fixture


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="one writer at a time is SQLite's")
def test_garbage_of_one_that_waits_does_not_hold_the_writer(shared_database: None) -> None:
    """The second's refused write lies in a cycle while it waits for the first, which collects."""
    writing, waits, collected = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with transaction.atomic():
            writing.set()
            assert waits.wait(300)
            gc.collect()
            collected.set()

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        waits.set()
        return execute(sql, *rest)

    def second() -> bool:
        assert writing.wait(300)
        with nowait(), transaction.atomic():
            raise AssertionError("the database was not busy")
        with connection.execute_wrapper(watch), transaction.atomic():
            return collected.is_set()

    gc.disable()
    try:
        assert together(first, second) == [None, True]
    finally:
        gc.enable()


@pytest.mark.django_db
def test_a_failed_statement_leaves_its_cursor_closed() -> None:
    cursor = connection.cursor()
    with pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute("SELECT nothing FROM nowhere")
    with pytest.raises(Exception, match="closed"):
        cursor.fetchone()

"""Two writers at the same moment, on both databases, without a sleep."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

#: seconds in one statement after which a thread is taken to wait for a lock
WAITS = 0.06


@pytest.fixture
def shared_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A database that threads share. SQLite's in memory locks tables instead of waiting, so threads
    get a copy of it in a file."""
    if connection.vendor != "sqlite":
        yield
        return
    path = tmp_path / "threads.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    config = connections.settings["default"]
    before = config["NAME"]
    config["NAME"] = str(path)
    try:
        yield
    finally:
        config["NAME"] = before


def run(act: Callable[[], Any]) -> Any:
    """The act in a thread with a connection of its own. Raises what it raises."""
    return together(act)[0]


def together(*acts: Callable[[], Any]) -> list[Any]:
    """All acts at once; their results in order. Raises the first exception of one."""
    results: list[Any] = [None] * len(acts)

    def work(number: int, act: Callable[[], Any]) -> None:
        try:
            results[number] = act()
        except BaseException as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "a thread waits for ever"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


class Interleaved:
    """``second`` runs at the moment at which ``first`` has made ``at`` statements, as far as it
    gets without ``first``; then ``first`` goes on, and what waited goes on with it."""

    def __init__(self, first: Callable[[], Any], second: Callable[[], Any], at: int) -> None:
        self.first, self.second, self.at = first, second, at
        self.made = 0
        self.first_thread = 0
        self.reached = threading.Event()
        self.ended = threading.Event()
        self.since: float | None = None  # when ``second`` began the statement it is in

    def run(self) -> list[Any]:
        """Results of both. Raises what one of them raises."""
        return together(self._first, self._second)

    def _first(self) -> Any:
        self.first_thread = threading.get_ident()
        try:
            with connection.execute_wrapper(self._count):
                return self.first()
        finally:
            self.reached.set()

    def _second(self) -> Any:
        assert self.reached.wait(300)
        try:
            with connection.execute_wrapper(self._watch):
                return self.second()
        finally:
            self.ended.set()

    def _count(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.made == self.at:
            self.reached.set()
            while not self.ended.wait(0.005):
                since = self.since
                if since is not None and monotonic() - since > WAITS:
                    break
        self.made += 1
        return execute(sql, params, many, context)

    def _watch(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.since = began = monotonic()
        try:
            return execute(sql, params, many, context)
        except OperationalError as error:
            # Who waited how long, and where the other one is meanwhile.
            frame = sys._current_frames().get(self.first_thread)
            error.add_note(f"after {monotonic() - began:.2f} s in {sql[:80]}; code {_code(error)}")
            error.add_note("the first is at\n" + "".join(traceback.format_stack(frame)))
            raise
        finally:
            self.since = None


def _code(error: BaseException) -> str:
    """The driver's own name of an error."""
    return str(getattr(error.__cause__, "sqlite_errorname", type(error.__cause__).__name__))

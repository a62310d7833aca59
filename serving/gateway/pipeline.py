"""PostgreSQL is asked in the event loop, all questions of a request in one round trip.

A thread that waits for three answers one after the other costs several times what the database
takes to find them. Here they are written together, over one connection in libpq's pipeline mode,
behind those of the requests before; the loop goes on and is told when something can be read
(https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). What is asked beyond them, or
written, is asked in a thread, from the beginning; so is everything while the connection is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections
from psycopg import Connection, pq
from psycopg import Error as DriverError

from core.prepared import Prepared, Question, Row, Statement
from serving.gateway.inside import Inside, marked

log = logging.getLogger("modelyard.gateway")

T = TypeVar("T")
AGAIN_SECONDS = 1.0  # between two attempts to connect
_DONE = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.PIPELINE_SYNC})


class Pipeline:
    """Asks ``queries`` over one connection, which is made in a thread when it is first needed."""

    def __init__(self, *queries: Prepared) -> None:
        self._queries = queries
        self._link: _Link | None = None
        self._opening: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._inside = Inside()

    async def ask(self, questions: Sequence[Question], work: Callable[[], T]) -> T | None:
        """What ``work`` returns, given the answers to ``questions``; None where it needs more than
        them, or there is no connection: a thread has to be asked."""
        if not questions:
            return self._inside.run({}, work)
        link = self._link
        if link is None:
            self._open()
            return None
        try:
            answers = await link.ask(questions)
        except (DriverError, OSError) as error:
            self._drop(link, error)
            return None
        return self._inside.run(answers, work)

    def close(self) -> None:
        """Let go of the connection."""
        if self._opening is not None:
            self._opening.cancel()
        if self._link is not None:
            self._drop(self._link, None)

    def _drop(self, link: _Link, error: Exception | None) -> None:
        link.close()
        if self._link is link:
            self._link = None
            self._not_before = time.monotonic() + AGAIN_SECONDS
            if error is not None:
                log.warning("the database is asked in threads for now: %s", error)

    def _open(self) -> None:
        if self._opening is None and time.monotonic() >= self._not_before:
            self._opening = asyncio.get_running_loop().create_task(self._opened())

    async def _opened(self) -> None:
        try:
            link = await asyncio.to_thread(_connect, self._queries)
            link.listen(asyncio.get_running_loop())
            self._link = link
        except (DriverError, DatabaseError, InterfaceError, OSError) as error:
            self._not_before = time.monotonic() + AGAIN_SECONDS
            log.warning("the database is asked in threads for now: %s", error)
        finally:
            self._opening = None


def pipeline(*queries: Prepared) -> Pipeline | None:
    """A pipeline where the database is PostgreSQL."""
    return Pipeline(*queries) if connection.vendor == "postgresql" else None


@dataclass(slots=True)
class _Prepared:
    """A query as the server knows it; ``loads`` reads its columns, once a first row has come."""

    name: bytes
    statement: Statement
    loads: list[Callable[[bytes], Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Asked:
    questions: Sequence[Question]
    future: asyncio.Future[dict[Question, list[Row]]]
    found: list[list[Row]] = field(default_factory=list)
    error: Exception | None = None


class _Link:
    """One connection in pipeline mode, read by the loop; answers come in the order of questions."""

    def __init__(
        self, wrapper: Any, driver: Connection[Any], known: dict[Prepared, _Prepared]
    ) -> None:
        self._wrapper, self._driver, self._known = wrapper, driver, known
        self._pg = driver.pgconn
        self._socket = self._pg.socket
        self._asked: deque[_Asked] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, in the loop that will ask."""
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        loop.add_reader(self._socket, self._read)
        self._loop = loop

    async def ask(self, questions: Sequence[Question]) -> dict[Question, list[Row]]:
        """The rows of each question. Raises psycopg's errors."""
        if self._loop is None:
            raise InterfaceClosed("the connection is closed")
        # Nothing is sent before all of it is known: a half of it would have no end.
        for name, values in [self._written_out(question) for question in questions]:
            self._pg.send_query_prepared(name, values)
        self._pg.pipeline_sync()
        self._flush()
        asked = _Asked(questions, self._loop.create_future())
        self._asked.append(asked)
        return await asked.future

    def _written_out(self, question: Question) -> tuple[bytes, list[bytes]]:
        known = self._known[question.query]
        values = question.query.written(known.statement, question, self._wrapper)
        return known.name, [str(value).encode() for value in values]

    def close(self, why: str = "the connection was closed") -> None:
        """Forget the connection; requests that still wait get the error."""
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._loop = None
        self._driver.close()
        while self._asked:
            self._tell(self._asked.popleft(), InterfaceClosed(why))

    def _flush(self) -> None:
        assert self._loop is not None
        if self._pg.flush():
            self._loop.add_writer(self._socket, self._written)

    def _written(self) -> None:
        try:
            if not self._pg.flush() and self._loop is not None:
                self._loop.remove_writer(self._socket)
        except DriverError as error:
            self._broken(error)

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            while self._asked and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None:  # None ends the answer to one question
                    self._take(result)
        except DriverError as error:
            self._broken(error)
        except Exception as error:
            # Whatever it is: whose answer comes next is not known any more.
            log.exception("an answer of the database cannot be read")
            self._broken(error)

    def _take(self, result: pq.abc.PGresult) -> None:
        asked = self._asked[0]
        if result.status not in _DONE:
            asked.error = asked.error or DriverError(result.error_message.decode(errors="replace"))
        elif result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._tell(self._asked.popleft(), asked.error)
        elif asked.error is None:
            query = asked.questions[len(asked.found)].query
            asked.found.append(self._rows(self._known[query], result))

    def _rows(self, known: _Prepared, result: pq.abc.PGresult) -> list[Row]:
        columns = range(result.nfields)
        if not known.loads:
            known.loads = [self._load(result.ftype(column)) for column in columns]
        found: list[Row] = []
        for row in range(result.ntuples):
            values = ((load, result.get_value(row, i)) for i, load in enumerate(known.loads))
            found.append(tuple(None if raw is None else load(raw) for load, raw in values))
        return known.statement.rows(found)

    def _load(self, oid: int) -> Callable[[bytes], Any]:
        adapters = self._driver.adapters
        loader = adapters.get_loader(oid, pq.Format.TEXT) or adapters.get_loader(0, pq.Format.TEXT)
        assert loader is not None  # the one of type 0 reads text
        return loader(oid, self._driver).load

    def _broken(self, error: Exception) -> None:
        self.close(f"{type(error).__name__}: {error}")

    @staticmethod
    def _tell(asked: _Asked, error: Exception | None) -> None:
        if asked.future.done():  # its caller has left
            return
        if error is not None:
            asked.future.set_exception(error)
        else:
            asked.future.set_result(dict(zip(asked.questions, asked.found, strict=True)))


class InterfaceClosed(DriverError):
    """The connection went while an answer was waited for, or before."""


def _connect(queries: Sequence[Prepared]) -> _Link:
    """A connection as Django makes its own, which knows the queries. To be called in a thread."""
    wrapper = connections.create_connection(DEFAULT_DB_ALIAS)
    driver = wrapper.get_new_connection(wrapper.get_connection_params())
    with contextlib.ExitStack() as undo:
        undo.callback(driver.close)
        driver.autocommit = True
        known = {}
        for number, query in enumerate(queries):
            statement = query.statement(wrapper)
            name = f"modelyard_{number}".encode()
            result = driver.pgconn.prepare(
                name, marked(statement, lambda number: f"${number}").encode()
            )
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise DriverError(result.error_message.decode(errors="replace"))
            known[query] = _Prepared(name, statement)
        undo.pop_all()
    return _Link(wrapper, driver, known)

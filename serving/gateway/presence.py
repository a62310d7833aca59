"""Work for a caller ends when the caller leaves, wherever it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

from .errors import GatewayError

#: in a request's scope: what to call when the caller leaves
LEAVING = "modelyard.leaving"
#: in a request's scope: what cuts its answer
CUT = "modelyard.cut"


class Presence:
    """Inside ``async with``: an error that something watched returns is raised at once.

    As ``asyncio.timeout`` does it: the task is cancelled, and the cancellation becomes the error
    when it leaves the block. So no code has to look whether to go on, also where a model always has
    more to say.
    """

    def __init__(self, leaving: list[Callable[[], None]] | None = None) -> None:
        self._leaving = leaving
        self._watched: list[asyncio.Future[GatewayError]] = []
        self._task: asyncio.Task[object] | None = None
        self._error: GatewayError | None = None
        self._cancelling = 0

    async def __aenter__(self) -> Presence:
        self._task = asyncio.current_task()
        assert self._task is not None  # coroutines of an application run in one
        self._cancelling = self._task.cancelling()
        if self._leaving is not None:
            self._leaving.append(self._left)
        return self

    def watch(self, awaitable: Awaitable[GatewayError]) -> None:
        """End the block with the error that this returns, if it does."""
        one = asyncio.ensure_future(awaitable)
        self._watched.append(one)
        one.add_done_callback(self._interrupt)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one in self._watched:
            one.cancel()
        if self._leaving is not None and self._left in self._leaving:
            self._leaving.remove(self._left)
        task, self._task = self._task, None
        if self._error is None or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._error from error

    def _interrupt(self, one: asyncio.Future[GatewayError]) -> None:
        if one.cancelled() or self._task is None or self._error is not None:
            return
        self._error = one.result()
        self._task.cancel()

    def _left(self) -> None:
        if self._task is not None and self._error is None:
            self._error = client_gone()
            self._task.cancel()


def client_gone() -> GatewayError:
    """The caller closed the connection; this has no reader."""
    return GatewayError(499, "CLIENT_GONE", "The caller left before the answer was complete.")

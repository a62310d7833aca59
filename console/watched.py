"""Long answers end with the rights of who reads them."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from typing import Any

from core import access
from core.actor import Actor
from core.errors import AppError

#: seconds between two looks; what takes less is answered as it was begun. The gateway's streams
#: are looked at as often.
LOOK_EVERY = 15.0


class Watched:
    """Pieces of an answer while its reader may have them: every 15 seconds credential and rights
    are asked anew. ``ask`` raises AppError where they ended; then the connection is cut, because
    what was sent must not look whole.

    A class, because a generator that was never started does not run its ``finally``, and a reader
    may be gone before the first piece.
    """

    def __init__(self, pieces: Iterator[bytes], actor: Actor, ask: Callable[[], object]) -> None:
        self._pieces = pieces
        self._actor = actor
        self._ask = ask
        self._asked = time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        now = time.monotonic()
        if now - self._asked >= LOOK_EVERY:
            self._asked = now
            try:
                access.look_again(self._actor)
                self._ask()
            except AppError as error:
                self.close()
                raise ConnectionResetError(errno.ECONNRESET, error.message) from error
        return next(self._pieces)

    def close(self) -> None:
        """Give back what the pieces hold open."""
        close: Any = getattr(self._pieces, "close", None)
        if close is not None:
            close()

"""Which actions were asked about meanwhile: a door that leaves the question to its service sees
afterwards that it was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

#: actions since ``witnessing`` began; None outside
_witnessed: ContextVar[set[str] | None] = ContextVar("modelyard_witnessed", default=None)


@contextlib.contextmanager
def witnessing() -> Iterator[set[str]]:
    """The actions that are asked about, refused ones included, or narrow a list, meanwhile."""
    asked: set[str] = set()
    token = _witnessed.set(asked)
    try:
        yield asked
    finally:
        _witnessed.reset(token)


def note(action: str) -> None:
    """Called where an action is asked about or narrows a list."""
    asked = _witnessed.get()
    if asked is not None:
        asked.add(action)

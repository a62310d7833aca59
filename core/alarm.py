"""An end in time for work that does not look at a clock itself."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The time is over. No Exception, so that no handler of other errors takes it for one."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TookTooLong inside the block ``seconds`` after its beginning.

    Whatever waits in a system call is interrupted. Only a process's main thread can be: a worker
    works in it; in another thread the block goes on without an end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TookTooLong(f"took more than {seconds:g} s")

    before, began = signal.signal(signal.SIGALRM, ring), time.monotonic()
    left, every = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # an alarm of somebody else around it
            left = max(0.001, left - (time.monotonic() - began))
            signal.setitimer(signal.ITIMER_REAL, left, every)

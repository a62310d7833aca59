"""Answers are read in turns: one account's streams never hold the event loop from the others.

A model that always has data, or sends it in pieces of a byte, could keep the one event loop busy
with parsing. So what arrives is parsed in slices. Each account that owns services has a small
allowance of processor time, which ordinary answers fit in and which is spent at once; what goes
beyond it waits in a line per account. The lines are served in turn, a slice each. While other
accounts are served, that is one slice per round of the loop, and together a share of the time; one
account alone has a longer moment per round, and all of the time.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import Protocol

#: seconds of processor time
ALLOWANCE, ALLOWED_PER_SECOND = 0.002, 0.02
ROUND = 0.0005  # of an account alone
SHARE = 0.2
SAVED = 0.005
#: seconds on the clock without another account: the share is no bound then
ALONE = 1.0
MAX_KNOWN = 1_000


class Reader(Protocol):
    """A connection with data that it has not parsed."""

    owner: str
    queued: bool

    @property
    def waiting(self) -> bool:
        """Whether there is something that may be parsed now."""

    def take(self) -> float:
        """Parse one slice; returns what it cost, in seconds of processor time."""


class Turns:
    """Whose data is parsed next. One for an event loop; not safe for threads."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: OrderedDict[str, deque[Reader]] = OrderedDict()
        self._allowances: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._saved, self._saved_at = SAVED, 0.0
        self._last, self._other_at = "", 0.0
        self._planned = False

    def enter(self, reader: Reader) -> None:
        """Parse what ``reader`` has, now or when it is its turn."""
        if reader.queued:
            return
        now = time.monotonic()
        self._served(reader.owner, now)
        if reader.owner not in self._lines:
            left, spent = self._allowance(reader.owner, now), 0.0
            most = max(left, ROUND if now - self._other_at > ALONE else 0.0)
            while spent < most and reader.waiting:
                spent += reader.take()
            self._allowances[reader.owner] = (max(left - spent, -ALLOWANCE), now)
        if reader.waiting:
            reader.queued = True
            self._lines.setdefault(reader.owner, deque()).append(reader)
            self._plan(0.0)

    def _served(self, owner: str, now: float) -> None:
        """Note when it was another account's turn than before."""
        if owner != self._last:
            self._last, self._other_at = owner, now

    def _allowance(self, owner: str, now: float) -> float:
        left, since = self._allowances.pop(owner, (ALLOWANCE, now))
        if len(self._allowances) >= MAX_KNOWN:
            self._allowances.popitem(last=False)
        return min(ALLOWANCE, left + (now - since) * ALLOWED_PER_SECOND)

    def _plan(self, seconds: float) -> None:
        if self._planned:
            return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._planned = True
        if seconds:
            self._loop.call_later(seconds, self._round)
        else:
            self._loop.call_soon(self._round)

    def _round(self) -> None:
        self._planned = False
        now = time.monotonic()
        self._saved = min(SAVED, self._saved + (now - self._saved_at) * SHARE)
        self._saved_at = now
        alone = now - self._other_at > ALONE
        left = ROUND
        while self._lines and left > 0 and (alone or self._saved > 0):
            owner, line = self._lines.popitem(last=False)
            self._served(owner, now)
            reader = line.popleft()
            cost = reader.take() if reader.waiting else 0.0
            left -= cost
            self._saved -= cost
            reader.queued = reader.waiting
            if reader.queued:
                line.append(reader)
            if line:
                self._lines[owner] = line
            if not alone:  # what others sent meanwhile comes before the next slice
                break
        # What an account alone had of the time is no debt of all, once another comes.
        self._saved = max(self._saved, -SAVED)
        if self._lines:
            self._plan(0.0 if alone or self._saved > 0 else max(0.001, -self._saved / SHARE))

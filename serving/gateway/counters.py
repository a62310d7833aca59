"""Counts kept in memory and handed over every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left

from .protocol import BUCKETS, Batch, Count, Sink

logger = logging.getLogger(__name__)

OTHERS = "others"


class Counters:
    """Adds up requests; a report that the sink could not take joins the next one."""

    def __init__(self, sink: Sink, *, every: float, max_services: int) -> None:
        self._sink = sink
        self._every = every
        self._max_keys = max_services
        self._counts: dict[tuple[str, str, int], Count] = {}
        self._since = time.time()
        self._task: asyncio.Task[None] | None = None

    def add(
        self,
        service_id: str,
        revision: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """Count one finished request."""
        key = (service_id, revision, status)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= self._max_keys:
                # Bounded, because a failing sink must not fill the memory.
                key = (OTHERS, "", status)
            count = self._counts.setdefault(key, Count())
        count.requests += 1
        count.seconds += seconds
        count.bytes_in += bytes_in
        count.bytes_out += bytes_out
        count.histogram[bisect_left(BUCKETS, seconds)] += 1

    def start(self) -> None:
        """Begin to report."""
        self._task = asyncio.create_task(self._loop(), name="gateway-counters")

    async def stop(self) -> None:
        """Report what is left and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Hand the present counts to the sink; keep them when it fails."""
        if not self._counts:
            self._since = time.time()
            return
        counts, since = self._counts, self._since
        self._counts, self._since = {}, time.time()
        try:
            await self._sink(Batch(since, self._since, counts))
        except Exception:
            logger.exception("The counts of %d keys could not be stored; kept.", len(counts))
            self._merge_back(counts, since)

    def _merge_back(self, counts: dict[tuple[str, str, int], Count], since: float) -> None:
        for key, new in self._counts.items():
            old = counts.setdefault(key, Count())
            old.requests += new.requests
            old.seconds += new.seconds
            old.bytes_in += new.bytes_in
            old.bytes_out += new.bytes_out
            old.histogram = [a + b for a, b in zip(old.histogram, new.histogram, strict=True)]
        self._counts, self._since = counts, since

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.flush()

"""Pictures of an IDX version, a page at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.budget import Exceeded
from core.errors import NotFound
from datasets import idx
from datasets.version.models import DatasetVersion
from datasets.version.reconcile import openers

PER_PAGE = 24
READERS = 16  # pages of datasets that one process reads at once, at most
CACHE_BYTES = 16 * 1024 * 1024
MAX_PAGE_BYTES = 4 * 1024 * 1024  # values of one page; larger pictures come fewer at a time


@dataclass(frozen=True, slots=True)
class Window:
    """The pictures of one page and how many the split has in all."""

    samples: tuple[idx.Sample, ...]
    total: int


class Cache:
    """The pages read last. A page costs reading the file up to it (gzip has no other way), and a
    browser asks for its pictures one by one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._pages: OrderedDict[tuple[UUID, str, int], Window] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = [threading.Lock() for _one in range(READERS)]

    def get(self, version: DatasetVersion, split: str, page: int) -> Window:
        key = (version.pk, split, page)
        found = self._look(key)
        if found is not None:
            return found
        # The pictures of one page arrive together: one of them reads. Other datasets do not wait.
        reading = self._reading[version.pk.int % READERS]
        if not reading.acquire(timeout=idx.PAGE_WALL_SECONDS):
            raise Exceeded("TIME")
        try:
            found = self._look(key)
            if found is None:
                found = _read(version, split, page)
                self._keep(key, found)
        finally:
            reading.release()
        return found

    def _look(self, key: tuple[UUID, str, int]) -> Window | None:
        with self._lock:
            found = self._pages.get(key)
            if found is not None:
                self._pages.move_to_end(key)
            return found

    def _keep(self, key: tuple[UUID, str, int], window: Window) -> None:
        with self._lock:
            self._pages[key] = window
            self._held += _weight(window)
            while self._held > self._limit and len(self._pages) > 1:
                _key, dropped = self._pages.popitem(last=False)
                self._held -= _weight(dropped)


_cache = Cache(CACHE_BYTES)


def _weight(window: Window) -> int:
    return sum(len(sample.pixels) for sample in window.samples) + 200


def per_page(version: DatasetVersion, split: str) -> int:
    """Pictures of one page: 24, or fewer where they are large."""
    rows, cols = (int(side) for side in version.summary["splits"][split]["shape"])
    return max(1, min(PER_PAGE, MAX_PAGE_BYTES // max(1, rows * cols)))


def splits(version: DatasetVersion) -> dict[str, Any]:
    """Splits whose images and labels agree: count, shape, classes, histogram."""
    found = version.summary.get("splits", {})
    return {name: found[name] for name in ("train", "test") if name in found}


def window(version: DatasetVersion, split: str, page: int) -> Window:
    """Page ``page`` (from 0) of ``split``. Raises NotFound for a split or page that is not there,
    IdxError where the data breaks the format, Exceeded where reading takes too much."""
    known = splits(version).get(split)
    if known is None or page < 0 or page * per_page(version, split) >= known["count"]:
        raise NotFound()
    return _cache.get(version, split, page)


def picture(version: DatasetVersion, split: str, index: int, side: int = 112) -> bytes:
    """PNG of one picture. Raises NotFound, IdxError, Exceeded."""
    if split not in splits(version) or index < 0:
        raise NotFound()
    size = per_page(version, split)
    found = window(version, split, index // size).samples
    at = index % size
    if at >= len(found):
        raise NotFound()
    return idx.to_png(found[at], side=side)


def _read(version: DatasetVersion, split: str, page: int) -> Window:
    size = per_page(version, split)
    found = idx.window_bounded(openers(version), split, page * size, size)
    if found is None:
        raise NotFound()
    return Window(*found)

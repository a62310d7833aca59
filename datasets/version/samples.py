"""Pictures of an IDX version, a page at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from core.errors import NotFound
from datasets import idx
from datasets.version.models import DatasetVersion
from datasets.version.reconcile import openers

PER_PAGE = 24
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
        self._reading = threading.Lock()

    def get(self, version: DatasetVersion, split: str, page: int) -> Window:
        key = (version.pk, split, page)
        found = self._look(key)
        if found is not None:
            return found
        with self._reading:  # the pictures of one page arrive together: one of them reads
            found = self._look(key)
            if found is None:
                found = _read(version, split, page)
                self._keep(key, found)
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
    rows, cols = version.summary["splits"][split]["shape"]
    return max(1, min(PER_PAGE, MAX_PAGE_BYTES // max(1, rows * cols)))


def splits(version: DatasetVersion) -> dict[str, Any]:
    """Splits whose images and labels agree: count, shape, classes, histogram."""
    found = version.summary.get("splits", {})
    return {name: found[name] for name in ("train", "test") if name in found}


def window(version: DatasetVersion, split: str, page: int) -> Window:
    """Page ``page`` (from 0) of ``split``. Raises NotFound for a split or page that is not there,
    IdxError where the data breaks the format."""
    known = splits(version).get(split)
    if known is None or page < 0 or page * per_page(version, split) >= known["count"]:
        raise NotFound()
    return _cache.get(version, split, page)


def picture(version: DatasetVersion, split: str, index: int, side: int = 112) -> bytes:
    """PNG of one picture. Raises NotFound, IdxError."""
    if split not in splits(version) or index < 0:
        raise NotFound()
    size = per_page(version, split)
    found = window(version, split, index // size).samples
    at = index % size
    if at >= len(found):
        raise NotFound()
    return idx.to_png(found[at], side=side)


def _read(version: DatasetVersion, split: str, page: int) -> Window:
    files = openers(version)
    roles, _others = idx.find_roles(files)
    names = {
        role.kind: (role, found[0])
        for role, found in roles.items()
        if role.split == split and found
    }
    if set(names) != {"images", "labels"}:
        raise NotFound()
    (image_role, images_name), (label_role, labels_name) = names["images"], names["labels"]
    size = per_page(version, split)
    first = page * size
    with (
        idx.IdxStream(files[images_name], name=images_name, dims=image_role.dims) as images,
        idx.IdxStream(files[labels_name], name=labels_name, dims=label_role.dims) as labels,
        closing(images.items()) as pixels,
        closing(labels.items()) as marks,
    ):
        both = islice(zip(pixels, marks, strict=False), first, first + size)
        _count, rows, cols = images.dims
        samples = tuple(
            idx.Sample(first + at, mark[0], rows, cols, values)
            for at, (values, mark) in enumerate(both)
        )
        return Window(samples, min(images.dims[0], labels.dims[0]))

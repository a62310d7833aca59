"""Bytes that nothing refers to go to a trash, and from there back or away for good.

A sweep goes by what the database does not say, which is no proof: the database may be another one,
or older. So it asks first whether the stores belong together, takes nothing where it would take an
unusual share, and only moves.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.conf import settings
from django.utils import timezone

from core import installation
from storage.backends import store
from storage.backends.base import Stored, Trashed
from storage.blob import keep
from storage.blob.models import Blob
from storage.blob.services import remove_row, unreferenced

log = logging.getLogger("modelyard.storage")

ORPHAN_AGE = 3600.0  # seconds; longer than any upload waits between its bytes and its row
PARTIAL_AGE = 3600.0  # seconds without a new chunk
CHUNK = 500  # names at a time: databases bound the parameters of one statement


@dataclass(slots=True)
class Swept:
    """What one sweep did: objects moved to the trash, put back, removed for good; broken uploads
    removed; why it took nothing."""

    trashed: int = 0
    put_back: int = 0
    removed: int = 0
    partial: int = 0
    refused: str = ""

    def __str__(self) -> str:
        if self.refused:
            return f"refused: {self.refused}"
        return (
            f"{self.trashed} to the trash, {self.put_back} put back, {self.removed} removed, "
            f"{self.partial} partial"
        )


@dataclass(slots=True)
class _Look:
    """The store against the database."""

    total: int = 0
    total_bytes: int = 0
    oldest: float | None = None
    lost: list[Stored] = field(default_factory=list)
    free: list[uuid.UUID] = field(default_factory=list)
    rows: int = 0

    def refusal(self) -> str:
        """Why none of it shall be taken."""
        if not self.lost and not self.free:
            return ""
        return (
            installation.reason_of_age(self.oldest)
            or installation.reason_to_refuse(
                "objects",
                len(self.lost),
                self.total,
                taken_bytes=sum(one.size for one in self.lost),
                total_bytes=self.total_bytes,
            )
            or installation.reason_to_refuse("rows without a reference", len(self.free), self.rows)
        )


def sweep(*, anyway: bool = False) -> Swept:
    """Move bytes without a row or a reference to the trash, put back what a row refers to again,
    and remove what has lain there for ``MODELYARD_TRASH_DAYS``.

    Takes nothing while the stores do not belong together, while a backup wants the bytes, and where
    it would be an unusual share or the database is younger than the store, unless the operator says
    ``anyway``. Raises StoreError.
    """
    done = Swept()
    if not installation.sweeps_allowed():
        done.refused = "database and stores do not belong together; see the log"
        return done
    _trash(done)
    seen = _look()
    if keep.wanted():  # asked after the look: the copy of a backup may hold rows that are gone now
        return done  # another sweep takes them
    done.refused = "" if anyway else seen.refusal()
    installation.note_refusal("objects", done.refused)
    if done.refused:
        return done
    for one in seen.lost:
        log.info("bytes without a row go to the trash: %s", one.name)
        store().trash(one.name)
        done.trashed += 1
    for blob_id in seen.free:
        if remove_row(blob_id) and not keep.wanted():
            store().trash(blob_id.hex)
            done.trashed += 1
    done.partial = store().sweep_partial(PARTIAL_AGE)
    return done


def _look() -> _Look:
    seen = _Look()
    stored = store().stored(ORPHAN_AGE)
    while batch := list(islice(stored, CHUNK)):
        known = _known(one.name for one in batch)
        seen.total += len(batch)
        seen.total_bytes += sum(one.size for one in batch)
        oldest = min(one.changed for one in batch)
        seen.oldest = oldest if seen.oldest is None else min(oldest, seen.oldest)
        seen.lost += [one for one in batch if one.name not in known]
    for ids in _old_rows():
        seen.rows += len(ids)
        seen.free += unreferenced(ids)
    return seen


def _old_rows() -> Iterator[list[uuid.UUID]]:
    """Blobs whose last reference may have gone in a commit after which they were not collected."""
    old, last = timezone.now() - dt.timedelta(seconds=ORPHAN_AGE), uuid.UUID(int=0)
    while True:
        rows = Blob.objects.filter(pk__gt=last, created_at__lt=old).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            return
        yield ids
        last = ids[-1]


def _known(names: Iterable[str]) -> set[str]:
    """Those names that have a row."""
    ids = [uuid.UUID(name) for name in names]
    rows = Blob.objects.filter(pk__in=ids)
    return {blob_id.hex for blob_id in rows.values_list("pk", flat=True)}


# -- the trash ---------------------------------------------------------------------------------


def trashed() -> list[Trashed]:
    """Everything in the trash, oldest first. Raises StoreError."""
    return sorted(store().trashed(), key=lambda one: (one.day, one.name))


def put_back(names: Iterable[str]) -> int:
    """Move bytes from the trash to their place; returns how many. Raises StoreError, ValueError."""
    return sum(store().put_back(name) for name in names)


def _trash(done: Swept) -> None:
    """Put back what a row refers to again; remove what has lain here long enough."""
    limit = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=settings.MODELYARD_TRASH_DAYS)
    found = trashed()
    for start in range(0, len(found), CHUNK):
        batch = found[start : start + CHUNK]
        known = _known(one.name for one in batch)
        for one in batch:
            if one.name in known and store().put_back(one.name, one.day):
                log.warning("bytes %s have a row again: put back from the trash", one.name)
                done.put_back += 1
            elif one.day < limit:
                log.info("bytes %s were in the trash since %s: removed", one.name, one.day)
                store().discard(one)
                done.removed += 1

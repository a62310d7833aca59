"""Writing, reading and removing blobs. Knows nothing of rights: callers have asked already."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable
from typing import BinaryIO

from django.db import IntegrityError, models, transaction
from django.db.models import ManyToOneRel
from django.utils import timezone

from core.errors import AppError
from storage.backends import StoreError, Written, store
from storage.backends.base import Readable
from storage.blob import keep, usage
from storage.blob.models import Blob

log = logging.getLogger("modelyard.storage")

ORPHAN_AGE = 3600.0  # seconds; longer than any upload waits between its bytes and its row
PARTIAL_AGE = 3600.0  # seconds without a new chunk


class DigestMismatch(AppError):
    """The bytes that arrived are not the announced ones; nothing was kept."""

    status = 400
    code = "DIGEST_MISMATCH"


def write(
    stream: Readable, size: int | None = None, expected_sha256: str = ""
) -> tuple[uuid.UUID, Written]:
    """Store a stream under a fresh id; the caller adds the row, or calls ``discard``.

    Raises:
        DigestMismatch, and what the byte store raises (DiskFull, ShortBody, StoreError).
    """
    blob_id = uuid.uuid4()
    written = store().put(blob_id.hex, stream, size)
    if expected_sha256 and written.sha256 != expected_sha256.lower():
        discard(blob_id)
        raise DigestMismatch(
            f"The bytes that arrived have SHA-256 {written.sha256}, announced was "
            f"{expected_sha256.lower()}; nothing was stored.",
            hint="Send it again; if it repeats, the file changed while it was read.",
        )
    return blob_id, written


def discard(blob_id: uuid.UUID) -> None:
    """Remove bytes that got no row. A store that is away leaves them to the sweep."""
    try:
        store().delete(blob_id.hex)
    except StoreError as error:
        log.warning("bytes %s stay until the sweep: %s", blob_id, error)


def read(blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
    """A stream of the bytes; the caller closes it. Raises StoreError."""
    return store().open(blob.stored_name, start, length)


def release_on_commit(blob_ids: Iterable[uuid.UUID]) -> None:
    """After the commit, remove those blobs that nothing refers to any more."""
    ids = list(blob_ids)
    if ids:
        transaction.on_commit(lambda: collect(ids), robust=True)


def collect(blob_ids: Iterable[uuid.UUID]) -> int:
    """Remove blobs without references; returns how many. Safe against a reference made meanwhile:
    the row goes first, and the database refuses that while anything points at it."""
    removed = 0
    for blob_id in unreferenced(list(blob_ids)):
        try:
            with transaction.atomic():
                rows = Blob.objects.filter(pk=blob_id)
                size = next(iter(rows.values_list("account_id", "size")), None)
                gone, _kinds = rows.delete()
                if gone and size is not None:
                    usage.add(size[0], -size[1])
        except (models.ProtectedError, IntegrityError):
            continue  # taken into use between the look and the delete
        if gone:
            if not keep.wanted():  # else the sweep takes the bytes, after the backup
                discard(blob_id)
            removed += 1
    return removed


def unreferenced(blob_ids: list[uuid.UUID]) -> list[uuid.UUID]:
    """Those of ``blob_ids`` that no row of any room points at."""
    free = set(blob_ids)
    # Hidden ones too: most rooms give their key no reverse name.
    for relation in Blob._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel):
            continue
        if not free:
            break
        holder = relation.related_model._base_manager
        column = relation.field.attname
        free -= set(holder.filter(**{f"{column}__in": free}).values_list(column, flat=True))
    return list(free)


def sweep() -> tuple[int, int]:
    """Remove bytes without a row or a reference, and leftovers of broken uploads; both counts."""
    place, orphans, batch = store(), 0, []
    for name in place.names(ORPHAN_AGE):
        batch.append(name)
        if len(batch) == 500:
            orphans += _sweep(batch)
            batch = []
    orphans += _sweep(batch)
    orphans += _sweep_rows()
    return orphans, place.sweep_partial(PARTIAL_AGE)


def _sweep_rows() -> int:
    """Blobs whose last reference went in a commit after which nobody came to collect them."""
    old = timezone.now() - dt.timedelta(seconds=ORPHAN_AGE)
    removed, last = 0, uuid.UUID(int=0)
    while True:
        rows = Blob.objects.filter(pk__gt=last, created_at__lt=old).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:500])
        if not ids:
            return removed
        removed += collect(ids)
        last = ids[-1]


def _sweep(names: list[str]) -> int:
    known = {
        blob_id.hex
        for blob_id in Blob.objects.filter(pk__in=[uuid.UUID(n) for n in names]).values_list(
            "pk", flat=True
        )
    }
    lost = [name for name in names if name not in known]
    if lost and keep.wanted():
        return 0  # a backup runs: another sweep takes them
    for name in lost:
        log.info("removing bytes without a row: %s", name)
        store().delete(name)
    return len(lost)

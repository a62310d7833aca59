"""Writing, reading and removing blobs. Knows nothing of rights: callers have asked already."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import BinaryIO

from django.db import IntegrityError, models, transaction
from django.db.models import ManyToOneRel

from core import installation
from core.errors import AppError
from storage import messages
from storage.backends import StoreError, Written, store
from storage.backends.base import Readable
from storage.blob import keep, usage
from storage.blob.models import Blob

log = logging.getLogger("modelyard.storage")


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
            messages.DIGEST_MISMATCH(sha256=written.sha256, expected=expected_sha256.lower())
        )
    return blob_id, written


def discard(blob_id: uuid.UUID) -> None:
    """Remove bytes that got no row. A store that is away leaves them to the sweep."""
    try:
        store().delete(blob_id.hex)
    except StoreError as error:
        log.warning("bytes %s stay until the sweep: %s", blob_id, error)


def read(blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
    """A stream of the bytes; the caller closes it. Bytes that a sweep took although a row refers to
    them come back from the trash. Raises StoreError."""
    place = store()
    try:
        return place.open(blob.stored_name, start, length)
    except StoreError:
        if not place.put_back(blob.stored_name):
            raise
    log.warning("bytes %s were in the trash and are wanted: put back", blob.stored_name)
    return place.open(blob.stored_name, start, length)


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
        if remove_row(blob_id):
            # Else the sweep takes the bytes: after the backup, and once the stores agree again.
            if not keep.wanted() and installation.deletes_allowed():
                discard(blob_id)
            removed += 1
    return removed


def remove_row(blob_id: uuid.UUID) -> bool:
    """Remove a blob's row, unless it was taken into use since somebody looked."""
    try:
        with transaction.atomic():
            rows = Blob.objects.filter(pk=blob_id)
            size = next(iter(rows.values_list("account_id", "size")), None)
            gone, _kinds = rows.delete()
            if gone and size is not None:
                usage.add(size[0], -size[1])
    except (models.ProtectedError, IntegrityError):
        return False
    return bool(gone)


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

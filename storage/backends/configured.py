"""The byte store this installation is configured for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from storage.backends.base import ByteStore
from storage.backends.filesystem import FileStore


@lru_cache(maxsize=8)
def _store(url: str, var: str) -> ByteStore:
    if url:
        from storage.backends.s3 import S3Store

        return S3Store.from_url(url)
    return FileStore(Path(var) / "objects")


def store() -> ByteStore:
    """MODELYARD_OBJECT_STORE=s3://bucket?endpoint=... or, unset, files below VAR_DIR/objects."""
    return _store(settings.MODELYARD_OBJECT_STORE, str(settings.VAR_DIR))

"""Where bytes lie: the file system of this installation, or a bucket of an S3 service."""

from storage.backends.base import ByteStore, DiskFull, ShortBody, StoreError, Written
from storage.backends.configured import store

__all__ = ["ByteStore", "DiskFull", "ShortBody", "StoreError", "Written", "store"]

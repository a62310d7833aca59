"""Copying the database while it is written to, and loading a copy."""

from __future__ import annotations

from django.conf import settings

from ops.backup.database import postgres, sqlite
from ops.backup.database.base import BlobRow, Copy, Database

__all__ = ["BlobRow", "Copy", "Database", "current"]


def current() -> Database:
    """How the configured database is copied and loaded."""
    config = settings.DATABASES["default"]
    if config["ENGINE"].endswith("sqlite3"):
        return sqlite.Sqlite(config)
    return postgres.Postgres(config)

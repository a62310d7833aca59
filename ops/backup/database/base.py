"""The contract of both databases."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from ops.backup.manifest import Part
from ops.backup.seal import Opener, Seal

BLOBS = 'SELECT id, sha256, size FROM "storage_blob" ORDER BY id'
MIGRATIONS = 'SELECT app, name FROM "django_migrations" ORDER BY id'


class BlobRow(NamedTuple):
    """A row of the copy: 32 hexadecimal digits, SHA-256 in hexadecimal, bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy holds."""

    part: Part
    server: str
    blobs: list[BlobRow]
    counts: dict[str, int]
    migrations: dict[str, list[str]]


class Database(Protocol):
    """One kind of database. Every method may raise BackupError."""

    kind: str

    def size(self) -> int:
        """Bytes that a copy may take, at most."""
        ...

    def copy(self, folder: Path, work: Path, seal: Seal) -> Copy:
        """A consistent copy into ``folder`` while others read and write. Plain text of a copy that
        is encrypted lies below ``work`` at most, which is private and on the installation's disk.
        """
        ...

    def is_empty(self) -> bool:
        """Whether a restore may use it: no table is there."""
        ...

    def load(self, path: Path, opener: Opener) -> None:
        """Bring a copy into the empty database, whole or not at all."""
        ...

    def counts(self) -> dict[str, int]:
        """Rows of every table, now."""
        ...

    def trial(
        self, path: Path, opener: Opener, work: Path
    ) -> AbstractContextManager[dict[str, str] | str]:
        """A throw-away database loaded with the copy, removed afterwards: variables for a process
        that is to use it, or the sentence why none could be made."""
        ...


def by_app(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Migrations by the app they belong to."""
    found: dict[str, list[str]] = {}
    for app, name in rows:
        found.setdefault(app, []).append(name)
    return found

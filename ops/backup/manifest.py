"""What a backup says of itself: manifest.json, the file without which it does not count."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ops.backup.errors import BackupError

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the backup as it lies in its folder: bytes and SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """Times are ISO 8601 in UTC, sizes bytes.

    ``migrations`` names what was applied, by app; ``counts`` the rows of every table of the copy.
    ``blobs``: count, bytes, and of those new in this backup; ``elsewhere`` where the bytes were
    left in the object store. ``faults``: blobs whose bytes were missing or not those of their row.
    """

    id: str
    installation: str
    version: str
    began: str
    database: str  # sqlite | postgresql
    home: str = ""  # the data folder it was made from
    server: str = ""  # version of the database
    ended: str = ""
    format: int = FORMAT
    recipients: list[str] = field(default_factory=list)
    migrations: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    elsewhere: bool = False
    logs: int = 0  # attempts whose logs are in it
    faults: list[dict[str, str]] = field(default_factory=list)
    files: list[Part] = field(default_factory=list)

    def part(self, stem: str) -> Part | None:
        """The file called ``stem``, with or without the suffix of encryption."""
        return next((p for p in self.files if p.name.removesuffix(".age") == stem), None)

    def to_json(self) -> str:
        """The document with a digest of itself, so that a flipped byte in it is found as well."""
        body = asdict(self)
        return json.dumps({**body, "sha256": _digest(body)}, indent=1, sort_keys=True)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises BackupError for one that is damaged, or of a format this version cannot read."""
        path = folder / NAME
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(body, dict):
                raise ValueError("it is no object")
        except (OSError, ValueError, RecursionError) as error:
            raise BackupError(f"{path} cannot be read ({error}): the backup is damaged.") from error
        if body.get("format") != FORMAT:
            raise BackupError(
                f"{path} has format {body.get('format')}; this version reads {FORMAT}. Restore it "
                "with the version of Modelyard that made it, or a newer one."
            )
        told = body.pop("sha256", "")
        if told != _digest(body):
            raise BackupError(f"{path} was changed after it was written: the backup is damaged.")
        if any("/" in str(part.get("name", "/")) for part in body.get("files", ())):
            raise BackupError(f"{path} names a file outside its folder: it is not ours.")
        try:
            return cls(**{**body, "files": [Part(**part) for part in body["files"]]})
        except (KeyError, TypeError) as error:
            raise BackupError(f"{path} lacks something ({error}).") from error


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

"""Looking at a backup without restoring it: every digest, and a trial migration of a copy."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from ops.backup import database
from ops.backup.database.sqlite import Sqlite
from ops.backup.errors import BackupError
from ops.backup.files import CHUNK, digest, room
from ops.backup.make import BLOBS
from ops.backup.manifest import Manifest
from ops.backup.place import Place
from ops.backup.seal import Opener

HELD = re.compile(r"([0-9a-f]{64}(\.age)?)?")
NAMED = 20  # problems that are told one by one
WITHIN = 1800  # seconds for the trial migration


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of blobs.jsonl; ``held`` is the name of the stored bytes, "" where there are none."""

    name: str
    sha256: str
    size: int
    held: str


def listed(folder: Path, manifest: Manifest, opener: Opener) -> Iterator[Listed]:
    """The blobs that the backup's database refers to. Raises BackupError."""
    part = manifest.part(BLOBS)
    if part is None:
        raise BackupError(f"{folder} has no {BLOBS}: the backup is damaged.")
    with opener.reading(folder / part.name) as stream:
        rest = b""
        while data := stream.read(CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                blob = Listed(*json.loads(line))
                if not HELD.fullmatch(blob.held):
                    raise BackupError(f"{folder / part.name} names {blob.held!r}: it is not ours.")
                yield blob


def refuse_newer(manifest: Manifest) -> None:
    """Raise BackupError for a backup of a version whose database this one does not know."""
    known = set(MigrationLoader(None).disk_migrations)
    mine = {app for app, _name in known}
    unknown = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known
    ]
    if unknown:
        gone = ", ".join(sorted(unknown)[:3])
        what = "newer" if {name.partition(".")[0] for name in unknown} <= mine else "other"
        raise BackupError(
            f"Backup {manifest.id} was made by a {what} version ({manifest.version}, this is "
            f"{settings.VERSION}): its database has migrations that this version lacks ({gone}). "
            "Restore it with the version that made it, or a newer one."
        )


def refuse_locked(manifest: Manifest, opener: Opener) -> None:
    """Raise BackupError for an encrypted backup without an identity."""
    if manifest.recipients and not opener.can_decrypt:
        raise BackupError(
            f"Backup {manifest.id} is encrypted to {', '.join(manifest.recipients)[:200]}. Name "
            "the file with its identity: --identity FILE."
        )


def files(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of one backup; empty when they are as they were written."""
    found = []
    for part in manifest.files:
        path = folder / part.name
        try:
            if digest(path) != (part.size, part.sha256):
                found.append(f"{path}: its bytes are not those that were written")
        except OSError as error:
            found.append(f"{path}: {error.strerror}")
    return found


def blobs(place: Place, folder: Path, manifest: Manifest, opener: Opener) -> Iterator[str]:
    """What is wrong with the stored bytes, each read once."""
    seen: set[str] = set()
    count = 0
    for blob in listed(folder, manifest, opener):
        count += 1
        if not blob.held or blob.held in seen:
            continue
        seen.add(blob.held)
        path = place.blob(blob.held)
        hashed, size = hashlib.sha256(), 0
        try:
            with opener.reading(path) as stream:
                while data := stream.read(CHUNK):
                    hashed.update(data)
                    size += len(data)
        except (OSError, BackupError) as error:
            yield f"{path}: {error}"
            continue
        if (size, hashed.hexdigest()) != (blob.size, blob.sha256):
            yield f"{path}: its bytes are not those of object {blob.name}"
    if count != manifest.counts.get("storage_blob"):
        yield f"{folder / BLOBS}: it lists {count} objects, the database has another number"


def check(
    place: Place, folder: Path, manifest: Manifest, opener: Opener, tell: Callable[[str], None]
) -> None:
    """Raise BackupError that names what is wrong; tells what was looked at."""
    refuse_locked(manifest, opener)
    refuse_newer(manifest)
    problems = files(folder, manifest)
    if not problems:
        tell(f"files: {len(manifest.files)} as they were written")
        problems = list(blobs(place, folder, manifest, opener))
    if problems:
        more = f"\nand {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise BackupError(
            f"Backup {manifest.id} is damaged:\n" + "\n".join(problems[:NAMED]) + more
        )
    where = "in the object store, not looked at" if manifest.elsewhere else "every digest holds"
    tell(f"objects: {manifest.blobs['count']:,}, {where}")
    for fault in manifest.faults[:NAMED]:
        tell(f"object {fault['blob']} was {fault['what']} already when the backup was made")
    tell(f"database: {_trial(folder, manifest, opener)}")


def _trial(folder: Path, manifest: Manifest, opener: Opener) -> str:
    """Load and migrate a throw-away copy. Raises BackupError where that fails."""
    part = next(part for part in manifest.files if part.name.startswith("database."))
    base = database.current() if manifest.database != "sqlite" else Sqlite({"NAME": "none"})
    if base.kind != manifest.database:
        return "read whole, not tried: DATABASE_URL names no PostgreSQL server to try it on"
    with tempfile.TemporaryDirectory(prefix="modelyard-check-") as name:
        work = Path(name)
        room(work, 2 * part.size, "The trial")
        with base.trial(folder / part.name, opener, work) as found:
            if isinstance(found, str):
                return f"read whole, not tried: {found}"
            done = subprocess.run(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--noinput"],
                env={**os.environ, "MODELYARD_VAR": str(work / "var"), **found},
                capture_output=True,
                text=True,
                timeout=WITHIN,
                check=False,
            )
    if done.returncode != 0:
        raise BackupError(
            f"Backup {manifest.id} cannot be migrated to this version: {done.stderr[-1500:]}"
        )
    return "loaded and migrated on trial"

"""Making a backup while the installation works: docs/mechanisms/backup.md."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from django.conf import settings
from django.db import DatabaseError, connection

from core import installation
from ops.backup import database, logs, rows
from ops.backup.database import BlobRow
from ops.backup.errors import BackupError
from ops.backup.files import Tally, folder, new_file, room, sync_folder
from ops.backup.manifest import Manifest, Part
from ops.backup.place import LIST, Place, new_id
from ops.backup.seal import Seal
from ops.models import Backup
from storage.backends import StoreError, store
from storage.blob import keep

BLOBS = "blobs.jsonl"
SECRETS = "secrets.json"
RENEW = 30.0  # seconds; what is kept is kept for minutes
ATTEMPTS = "work/attempts"  # below the data folder, of compute's local backend
WORK = "backup"  # below the data folder: plain text on its way to being encrypted


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of backup. ``keep``: backups that stay, 0 for all."""

    place: Path
    full: bool = False
    logs: bool = False
    recipients: tuple[str, ...] = ()
    elsewhere: bool = False
    keep: int = 0
    planned: bool = False


@dataclass(slots=True)
class Counted:
    """Blobs of a backup: all, and what was written for it."""

    count: int = 0
    bytes: int = 0
    new: int = 0
    new_bytes: int = 0


def make(wish: Wish, tell: Callable[[str], None]) -> Manifest:
    """One backup from beginning to end, with its row. Raises BackupError: then there is none."""
    row = rows.begin(new_id(), wish.place, planned=wish.planned, encrypted=bool(wish.recipients))
    try:
        _refuse(wish.place)
        seal = Seal(wish.recipients, settings.SECRET_KEY)
        manifest, written = _Making(wish, seal, row.name, tell).run()
    except BaseException as error:
        # Also one that was interrupted: the row is the operator's only sign of it.
        with contextlib.suppress(DatabaseError):
            rows.finish(row, Backup.State.FAILED, str(error) or type(error).__name__)
        raise
    rows.finish(
        row,
        Backup.State.FAULTY if manifest.faults else Backup.State.DONE,
        _words(manifest),
        blobs=manifest.blobs["count"],
        size=manifest.blobs["bytes"] + sum(part.size for part in manifest.files),
        new_size=written,
    )
    return manifest


def _words(manifest: Manifest) -> str:
    if not manifest.faults:
        return ""
    first = manifest.faults[0]
    return (
        f"{len(manifest.faults)} objects are not whole in the store of this installation and so "
        f"not in the backup; the first is {first['blob']} ({first['what']})."
    )


def _refuse(place: Path) -> None:
    var = Path(settings.VAR_DIR)
    if place == var or var in place.parents:
        raise BackupError(
            f"{place} lies in the data folder {var}: what destroys that would take the backup with "
            "it. Name a folder elsewhere, on another disk if there is one."
        )
    found = installation.find_mismatch()
    if found is not None:
        # Kept long enough, it would push out the good ones.
        raise BackupError(f"There is nothing whole to copy. {found}")


class _Making:
    """One run. Files come first and the manifest last, so a killed run leaves nothing that counts;
    bytes it has stored already are found by the next."""

    def __init__(self, wish: Wish, seal: Seal, name: str, tell: Callable[[str], None]) -> None:
        self._wish = wish
        self._seal = seal
        self._name = name
        self._tell = tell
        self._database = database.current()
        self._var = Path(settings.VAR_DIR)

    def run(self) -> tuple[Manifest, int]:
        with (
            _keeping(self._name) as lost,
            Place.writing(self._wish.place) as place,
            _work(self._var) as work,
        ):
            made = place.begin(self._name)
            try:
                manifest, written = self._fill(place, made, work)
                if lost.is_set() or not keep.renew(self._name):
                    raise BackupError(
                        "The backup stood still for so long that bytes it needs may have been "
                        "deleted. Start it again."
                    )
                manifest.ended = _now()
                place.finish(self._name, manifest)
            except BaseException:
                shutil.rmtree(made, ignore_errors=True)  # what it held is of no use to another
                raise
            for line in place.keep_newest(self._wish.keep):
                self._tell(line)
        return manifest, written

    def _fill(self, place: Place, made: Path, work: Path) -> tuple[Manifest, int]:
        manifest = Manifest(
            id=self._name,
            installation=installation.installation_id(),
            version=settings.VERSION,
            began=_now(),
            database=self._database.kind,
            home=str(self._var),
            recipients=list(self._seal.recipients),
        )
        size = self._database.size()
        room(made, size, "The copy of the database")
        if self._seal.suffix:
            room(work, size, "The copy of the database that is to be encrypted")
        copied = self._database.copy(made, work, self._seal)
        self._tell(f"database: {copied.part.size:,} bytes, {sum(copied.counts.values()):,} rows")
        manifest.server, manifest.counts = copied.server, copied.counts
        manifest.migrations = copied.migrations
        manifest.files.append(copied.part)

        counted = self._blobs(place, made, copied.blobs, manifest)
        manifest.blobs = {
            "count": counted.count,
            "bytes": counted.bytes,
            "new": counted.new,
            "new_bytes": counted.new_bytes,
        }
        manifest.files.append(self._file(made, SECRETS, self._secrets()))
        if self._wish.logs:
            part, manifest.logs = logs.pack(self._var / ATTEMPTS, made, work, self._seal)
            manifest.files.append(part)
        return manifest, counted.new_bytes + sum(part.size for part in manifest.files)

    def _blobs(
        self, place: Place, made: Path, wanted: list[BlobRow], manifest: Manifest
    ) -> Counted:
        """The bytes that the copy refers to, the missing ones of them copied, and their lists."""
        counted = Counted(len(wanted), sum(blob.size for blob in wanted))
        stored: dict[str, int] = {}
        lines = io.StringIO()
        if self._wish.elsewhere:
            manifest.elsewhere = True
            self._tell(f"objects: {counted.count:,} stay in the object store, and only there")
        else:
            names = {self._seal.blob_name(blob.sha256): blob for blob in wanted}
            fresh = {
                name: blob
                for name, blob in names.items()
                if self._wish.full or not _is_there(place.blob(name), blob, self._seal)
            }
            need = sum(blob.size for blob in fresh.values())
            room(place.root, need, "The bytes that no backup holds yet")
            counted.new, counted.new_bytes = len(fresh), need
            damaged = self._store(place, fresh, wanted, manifest)
            for name in names.keys() - damaged:
                stored[name] = place.blob(name).stat().st_size
            self._tell(
                f"objects: {counted.count:,} with {counted.bytes:,} bytes, of which "
                f"{counted.new:,} with {counted.new_bytes:,} are new"
            )
        for blob in wanted:
            name = self._seal.blob_name(blob.sha256)
            held = name if name in stored else ""
            lines.write(json.dumps([blob.name, blob.sha256, blob.size, held]) + "\n")
        manifest.files.append(self._file(made, BLOBS, lines.getvalue().encode()))
        text = "".join(f"{name} {size}\n" for name, size in sorted(stored.items()))
        manifest.files.append(_plain(made, LIST, text.encode()))
        return counted

    def _store(
        self, place: Place, fresh: dict[str, BlobRow], wanted: list[BlobRow], manifest: Manifest
    ) -> set[str]:
        """Copy bytes; returns the names that no blob could be read for. Bytes that are equal lie in
        the store once for every blob, so another one stands in for a damaged one."""
        equal: dict[str, list[BlobRow]] = {}
        for blob in wanted:
            equal.setdefault(blob.sha256, []).append(blob)
        lost: set[str] = set()
        for name, first in fresh.items():
            for blob in equal[first.sha256]:
                fault = self._store_one(place, name, blob)
                if not fault:
                    break
                manifest.faults.append({"blob": blob.name, "what": fault})
            else:
                # An earlier backup may have the bytes that the store has lost since.
                if not _is_there(place.blob(name), first, self._seal):
                    lost.add(name)
        for parent in {place.blob(name).parent for name in fresh}:
            sync_folder(parent)
        return lost

    def _store_one(self, place: Place, name: str, blob: BlobRow) -> str:
        """ "" or what is wrong with the bytes in the installation's own store."""
        path = place.blob(name)
        folder(path.parent)
        try:
            source = store().open(blob.name)
        except StoreError as error:
            if not _is_lost(error):
                raise BackupError(f"{error.message} Start again when it does.") from error
            return "missing"
        with source:
            read = Tally(source)
            try:
                with new_file(path, hashed=False, synced_name=False) as target:
                    self._seal.write(read, target)
                    if (read.size, read.sha256) != (blob.size, blob.sha256):
                        raise _Damaged
            except _Damaged:
                return "damaged"
        return ""

    def _secrets(self) -> bytes:
        """The keys in force, wherever they came from."""
        try:
            kept = json.loads((self._var / SECRETS).read_text())
        except FileNotFoundError:
            kept = {}
        return json.dumps({**kept, "SECRET_KEY": settings.SECRET_KEY}).encode()

    def _file(self, made: Path, name: str, data: bytes) -> Part:
        with new_file(made / (name + self._seal.suffix)) as target:
            self._seal.write(io.BytesIO(data), target)
        return Part(name + self._seal.suffix, target.size, target.sha256)


class _Damaged(Exception):
    """The bytes are not those of their row: their file must not appear."""


def _plain(made: Path, name: str, data: bytes) -> Part:
    with new_file(made / name) as target:
        target.write(data)
    return Part(name, target.size, target.sha256)


def _is_there(path: Path, blob: BlobRow, seal: Seal) -> bool:
    """Whether an earlier backup stored it. Of an encrypted file the size is not known exactly;
    files appear whole or not at all."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    return size > blob.size if seal.suffix else size == blob.size


def _is_lost(error: StoreError) -> bool:
    """Whether the store has answered that these bytes are not there; else it is away."""
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return cause.response["Error"]["Code"] in ("NoSuchKey", "404")
    return isinstance(cause, FileNotFoundError)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def _work(var: Path) -> Iterator[Path]:
    """A private folder on the installation's disk, for one backup at a time; what a killed one left
    in it goes first."""
    path = folder(var / WORK)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(
                "Another backup of this installation runs. Start again when it has ended."
            ) from None
        _empty(path)
        yield path
    finally:
        _empty(path)
        os.close(descriptor)


def _empty(path: Path) -> None:
    for left in path.iterdir():
        left.unlink()


@contextlib.contextmanager
def _keeping(name: str) -> Iterator[threading.Event]:
    """Bytes of deleted objects stay until the block ends. The event: that has once run out."""
    keep.begin(name)
    over, lost = threading.Event(), threading.Event()

    def renew() -> None:
        try:
            while not over.wait(RENEW):
                with contextlib.suppress(DatabaseError):  # tried again; the last look decides
                    if not keep.renew(name):
                        lost.set()
                        return
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="keep", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()
        with contextlib.suppress(DatabaseError):  # it runs out by itself
            keep.end(name)

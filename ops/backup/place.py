"""The folder that holds backups: which are there, one writer at a time, and what may go.

modelyard-backups.json      says what the folder is
lock                        held by who writes; it ends with its holder
backups/<id>/               a finished backup: manifest.json, database, keys, lists, logs
backups/.partial-<id>/      one that runs, or was killed
blobs/<2 digits>/<name>     bytes, shared by the backups: each is stored once
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ops.backup.errors import BackupError
from ops.backup.files import folder, new_file, sync_folder
from ops.backup.manifest import NAME, Manifest

MARKER = "modelyard-backups.json"
ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{6}")
LIST = "blobs.txt"  # names of the stored bytes that a backup needs, one a line
_IGNORED = frozenset({"lost+found"})  # of a file system of its own


def new_id() -> str:
    """Sorts by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"


class Place:
    """One folder of backups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.backups = root / "backups"
        self.blobs = root / "blobs"

    # -- for who writes ------------------------------------------------------------------------

    @classmethod
    @contextlib.contextmanager
    def writing(cls, root: Path) -> Iterator[Place]:
        """Make the folder or take one of ours, for this process alone; what a killed backup left
        half-done is removed. Raises BackupError."""
        place = cls(root)
        try:
            place._make()
        except OSError as error:
            raise BackupError(
                f"{root} cannot be used for backups: {error.strerror or error}."
            ) from error
        descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BackupError(
                    f"Another backup or restore works with {root} at this moment. Start again when "
                    "it has ended."
                ) from None
            place._tidy()
            yield place
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        if not self.root.exists():
            self.root.mkdir(mode=0o700, parents=True)
        if not self.root.is_dir():
            raise BackupError(f"{self.root} is no folder.")
        if not (self.root / MARKER).exists():
            found = sorted(p.name for p in self.root.iterdir() if p.name not in _IGNORED)
            if found:
                raise BackupError(
                    f"{self.root} is not empty ({found[0]}) and holds no backups of Modelyard. "
                    "Name an empty folder, or one that does not exist."
                )
            self.root.chmod(0o700)
            with new_file(self.root / MARKER) as file:
                file.write(json.dumps({"what": "backups of Modelyard", "format": 1}).encode())
        if self.root.stat().st_uid != os.geteuid():
            raise BackupError(f"{self.root} belongs to another user.")
        if self.root.stat().st_mode & 0o077:
            self.root.chmod(0o700)
        folder(self.backups)
        folder(self.blobs)

    def _tidy(self) -> None:
        for path in self.backups.iterdir():
            if path.name.startswith("."):
                shutil.rmtree(path)
        for path in self.blobs.glob("*/.*.new"):
            path.unlink()

    def begin(self, backup: str) -> Path:
        """The folder that a backup is made in."""
        return folder(self.backups / f".partial-{backup}")

    def finish(self, backup: str, manifest: Manifest) -> Path:
        """From here on the backup counts: its manifest is written last, then it gets its name."""
        made = self.backups / f".partial-{backup}"
        with new_file(made / NAME) as file:
            file.write(manifest.to_json().encode())
        final = self.backups / backup
        made.rename(final)
        sync_folder(self.backups)
        return final

    def blob(self, name: str) -> Path:
        """Where bytes of this name lie."""
        return self.blobs / name[:2] / name

    def keep_newest(self, number: int) -> list[str]:
        """Remove all but the newest backups, then bytes that none of the rest needs; says what was
        done. None of the bytes goes where a list cannot be read, and the new backup stays good
        whatever happens here."""
        told: list[str] = []
        try:
            for backup in self.ids()[:-number] if number else []:
                gone = self.backups / f".removed-{backup}"
                (self.backups / backup).rename(gone)
                shutil.rmtree(gone)
                told.append(f"removed the backup {backup}: {number} are kept")
            if told:
                self._drop_unneeded()
        except (BackupError, OSError) as error:
            told.append(f"not everything old could be removed: {error}")
        return told

    def _drop_unneeded(self) -> None:
        needed: set[str] = set()
        for backup in self.ids():
            needed.update(name for name, _size in self.listed(backup))
        for path in self.blobs.glob("*/*"):
            if path.name not in needed:
                path.unlink()

    # -- for who reads -------------------------------------------------------------------------

    @classmethod
    @contextlib.contextmanager
    def reading(cls, root: Path) -> Iterator[Place]:
        """A folder of backups; nothing is removed from it meanwhile. Raises BackupError."""
        if not (root / MARKER).exists():
            raise BackupError(f"{root} holds no backups of Modelyard: {MARKER} is not there.")
        with contextlib.ExitStack() as stack:
            try:
                descriptor = os.open(root / "lock", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                pass  # a copy on a medium that is read only: nothing can remove from it
            else:
                stack.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    raise BackupError(
                        f"A backup works with {root} at this moment. Start again when it has ended."
                    ) from None
            yield cls(root)

    def ids(self) -> list[str]:
        """Backups that count, oldest first."""
        if not self.backups.is_dir():
            return []
        found = (p.name for p in self.backups.iterdir() if ID.fullmatch(p.name))
        return sorted(name for name in found if (self.backups / name / NAME).is_file())

    def choose(self, backup: str = "") -> tuple[Path, Manifest]:
        """One backup, the newest by default. Raises BackupError."""
        there = self.ids()
        if not there:
            raise BackupError(f"{self.root} holds no finished backup.")
        if backup and backup not in there:
            raise BackupError(f"There is no backup {backup}; there are {', '.join(there)}.")
        chosen = self.backups / (backup or there[-1])
        return chosen, Manifest.read(chosen)

    def listed(self, backup: str) -> list[tuple[str, int]]:
        """(name, size as stored) of the bytes that a backup needs. Raises BackupError."""
        path = self.backups / backup / LIST
        try:
            lines = path.read_text().splitlines()
            return [(name, int(size)) for name, size in (line.split() for line in lines)]
        except (OSError, ValueError) as error:
            raise BackupError(f"{path} cannot be read ({error}): the backup is damaged.") from error

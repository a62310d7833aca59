"""Encryption to a public key, in the age format (https://age-encryption.org/v1), by pyrage.

A ``Seal`` writes files, an ``Opener`` reads them. Both pass bytes through; no plain text of an
encrypted backup is written into its folder. docs/adr/backup-age.md
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pyrage

from ops.backup.errors import BackupError
from ops.backup.files import CHUNK, Tally, copy

SUFFIX = ".age"


class Seal:
    """How the files of one backup are written: plain, or encrypted to ``recipients``."""

    def __init__(self, recipients: Sequence[str] = (), key: str = "") -> None:
        self.recipients = tuple(sorted(set(recipients)))
        self._keys = [_recipient(text) for text in self.recipients]
        self._key = key.encode()

    @property
    def suffix(self) -> str:
        """What the names of files end with."""
        return SUFFIX if self._keys else ""

    def write(self, source: Tally | BinaryIO, target: Tally) -> None:
        """All of ``source`` into ``target``, encrypted where there are recipients."""
        if not self._keys:
            copy(source, target)
            return
        pyrage.encrypt_io(source, target, self._keys)

    def blob_name(self, sha256: str) -> str:
        """The name a blob of this digest has in the folder of backups.

        Encrypted blobs are named by a keyed digest: a plain one would tell readers of the folder
        whether a file they know is among them. The recipients take part, so that a backup to a new
        key does not lean on what only the old one opens.
        """
        if not self._keys:
            return sha256
        text = "\n".join((*self.recipients, sha256)).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest() + SUFFIX


class Opener:
    """How the files of a backup are read: plain, or with the identities of an age key file."""

    def __init__(self, identities: Path | None = None) -> None:
        self._keys = _identities(identities) if identities is not None else []

    @property
    def can_decrypt(self) -> bool:
        return bool(self._keys)

    def write(self, path: Path, target: Tally | BinaryIO) -> None:
        """The plain bytes of a file. Raises BackupError for a wrong key or a damaged file."""
        with path.open("rb") as file:
            if path.suffix != SUFFIX:
                copy(file, target)
                return
            try:
                pyrage.decrypt_io(file, target, self._keys)
            except (pyrage.DecryptError, OSError) as error:
                raise BackupError(
                    f"{path} cannot be decrypted ({error}): the identity is another one, or the "
                    "file is damaged."
                ) from error

    @contextmanager
    def reading(self, path: Path) -> Iterator[BinaryIO]:
        """A stream of the plain bytes of a file."""
        if path.suffix != SUFFIX:
            with path.open("rb") as file:
                yield file
            return
        out, into = os.pipe()
        failed: list[BaseException] = []

        def feed() -> None:
            with open(into, "wb", buffering=CHUNK) as pipe:  # noqa: PTH123 a descriptor
                try:
                    self.write(path, pipe)
                except BackupError as error:
                    failed.append(error)

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        with open(out, "rb", buffering=CHUNK) as stream:  # noqa: PTH123 a descriptor
            yield cast(BinaryIO, _Whole(stream, thread, failed))
        thread.join()

    def text(self, path: Path) -> str:
        """A small file as text."""
        found = io.BytesIO()
        self.write(path, found)
        return found.getvalue().decode()


class _Whole(io.RawIOBase):
    """The end of a pipe is the end of the file only if its writer met no error."""

    def __init__(
        self, stream: BinaryIO, thread: threading.Thread, failed: list[BaseException]
    ) -> None:
        self._stream, self._thread, self._failed = stream, thread, failed

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        if not data:
            self._thread.join()
            if self._failed:
                raise self._failed[0]
        return data


def _recipient(text: str) -> pyrage.x25519.Recipient | pyrage.ssh.Recipient:
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BackupError(
            f"“{text[:80]}” is no recipient ({error}). Name the public key that age-keygen prints "
            "(age1...), or an SSH public key."
        ) from error


def _identities(path: Path) -> list[pyrage.x25519.Identity | pyrage.ssh.Identity]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BackupError(f"The identity {path} cannot be read: {error.strerror}.") from error
    try:
        if b"PRIVATE KEY-----" in data:
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = (line.strip() for line in data.decode().splitlines())
        found = [pyrage.x25519.Identity.from_str(x) for x in lines if x and x[0] != "#"]
    except (pyrage.IdentityError, UnicodeDecodeError) as error:
        raise BackupError(f"{path} holds no age identity: {error}.") from error
    if not found:
        raise BackupError(f"{path} holds no age identity.")
    return found

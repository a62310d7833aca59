"""Logs of jobs and services, by choice: what stands in no row and can be made by nothing else."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath

from ops.backup.errors import BackupError
from ops.backup.files import new_file, room, sync_folder
from ops.backup.manifest import Part
from ops.backup.seal import Opener, Seal

NAME = "logs.tar"
DEPTH = 3  # <attempt>/log/<segment>


def pack(attempts: Path, made: Path, work: Path, seal: Seal) -> tuple[Part, int]:
    """One archive of every log there is: the file, and how many attempts have one."""
    found = sorted(path for path in attempts.glob("*/log/*") if path.is_file())
    size = sum(path.stat().st_size + tarfile.RECORDSIZE for path in found)
    room(work, size, "The archive of logs on its way")
    room(made, size, "The archive of logs")
    plain = work / NAME
    with new_file(plain) as target, tarfile.open(fileobj=target, mode="w|") as archive:  # type: ignore[call-overload]
        for path in found:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # its job was deleted meanwhile
            with file:  # it may grow: as many bytes as its header says are taken
                info = archive.gettarinfo(arcname=str(path.relative_to(attempts)), fileobj=file)
                archive.addfile(info, file)
    with plain.open("rb") as source, new_file(made / (NAME + seal.suffix)) as sealed:
        seal.write(source, sealed)
    plain.unlink()
    ids = {path.relative_to(attempts).parts[0] for path in found}
    return Part(NAME + seal.suffix, sealed.size, sealed.sha256), len(ids)


def unpack(path: Path, opener: Opener, attempts: Path) -> int:
    """Write the logs below ``attempts``; returns of how many. What is no log is refused.

    Nothing else of an attempt comes back: without its state no part takes a process of the
    installation that the backup was made from for one of ours.
    """
    ids: set[str] = set()
    attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opener.reading(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            if len(parts) != DEPTH or parts[1] != "log" or ".." in parts or not member.isreg():
                raise BackupError(f"{path} holds {member.name!r}, which is no log: not restored.")
            source = archive.extractfile(member)
            if source is None:
                continue
            log = attempts / parts[0] / "log"
            log.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source, new_file(log / parts[2]) as target:
                while chunk := source.read(1024 * 1024):
                    target.write(chunk)
            ids.add(parts[0])
        while stream.read(1024 * 1024):  # to the end, where damage is told
            pass
    for attempt in ids:
        (attempts / attempt).chmod(0o700)
        (attempts / attempt / "launch.lock").touch(mode=0o600)  # from here on it grows old
        (attempts / attempt / "state.json").write_text('{"phase": "exited"}')
    sync_folder(attempts)
    return len(ids)

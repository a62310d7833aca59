"""Copy output directories to the storage: during the run, at the end, and verified.

The directories belong to the program, which may be hostile and is running while the platform's
user (perhaps root) reads them. So every component is opened relative to the descriptor of its
parent and never through a link: a directory swapped for a link to /etc uploads nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from compute.runner.failures import Failure
from compute.runner.log import LogWriter
from compute.runner.sentences import say
from compute.runner.spec import Output
from compute.runner.state import write_atomic
from compute.runner.storage import CHUNK, Client, DigestMismatch, StorageError

MAX_DEPTH = 64
MAX_FILES = 200_000
DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that replaced the file must not wait for a writer.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
Fingerprint = tuple[int, int, int]  # inode, size, modification time in ns


@dataclass
class Record:
    """What was uploaded: which state of the file, under which digest."""

    fingerprint: Fingerprint
    sha256: str


@dataclass
class SyncResult:
    """One pass over one output."""

    uploaded: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Holes:
    """Bytes of sparse files that exist in the size only. On the disk they cost nothing; in the
    bucket they are real, so all outputs of an attempt together may hold `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._of: dict[tuple[str, str], int] = {}

    def fit(self, output: str, relative: str, status: os.stat_result) -> bool:
        """Count a file (again); False when it does not fit."""
        holes = max(0, status.st_size - status.st_blocks * 512)
        others = sum(size for key, size in self._of.items() if key != (output, relative))
        if self.limit and holes and others + holes > self.limit:
            return False
        if holes:
            self._of[output, relative] = holes
        return True


class OutputSync:
    """One declared output. Not thread-safe: the periodic thread ends before the final pass.

    root: the directory above that is the platform's own. Everything below it belongs to the
    program, so every step of the way down may have become a link.
    """

    def __init__(
        self,
        output: Output,
        directory: Path,
        log: LogWriter,
        max_file_bytes: int = 0,
        *,
        root: Path | None = None,
        holes: Holes | None = None,
    ) -> None:
        self.output = output
        self.records: dict[str, Record] = {}
        self._directory = directory
        self._root = root or directory
        self._holes = holes or Holes(0)
        self._log = log
        self._max_file_bytes = max_file_bytes
        self._warned: set[str] = set()
        prefix = output.prefix.strip("/")
        self.prefix = f"{prefix}/" if prefix else ""

    def sync(self, client: Client) -> SyncResult:
        """Upload new and changed regular files. Failures are collected, not raised."""
        result = SyncResult()
        for relative, descriptor in self._files(result.failed):
            try:
                status = os.fstat(descriptor)
                mark = (status.st_ino, status.st_size, status.st_mtime_ns)
                known = self.records.get(relative)
                if known is not None and known.fingerprint == mark:
                    continue
                if self._max_file_bytes and status.st_size > self._max_file_bytes:
                    result.failed[relative] = (
                        f"{status.st_size} bytes, more than the limit of {self._max_file_bytes}"
                    )
                    continue
                if not self._holes.fit(self.output.name, relative, status):
                    result.failed[relative] = (
                        f"{status.st_size} bytes, most of them holes of a sparse file; all outputs "
                        f"together may have {self._holes.limit} bytes of holes"
                    )
                    continue
                digest = file_digest(descriptor, status.st_size, client.tick)
                client.put(
                    self.output.bucket, self.prefix + relative, descriptor, status.st_size, digest
                )
                self.records[relative] = result.uploaded[relative] = Record(mark, digest)
            except DigestMismatch:
                result.failed[relative] = "it was written to while it was copied"
            except StorageError as error:
                result.failed[relative] = str(error)
                if error.status in (0, 401):
                    return result  # no answer, or not to us: the others would fare the same
            except OSError as error:
                result.failed[relative] = str(error)
        return result

    def verify(self, client: Client) -> dict[str, str]:
        """Compare a fresh listing with what was uploaded; returns path -> what is wrong."""
        try:
            stored = {item.key: item for item in client.listing(self.output.bucket, self.prefix)}
        except StorageError as error:
            return {"(listing)": str(error)}
        wrong = {}
        for relative, record in self.records.items():
            item = stored.get(self.prefix + relative)
            if item is None:
                wrong[relative] = "is not in the bucket after the upload"
            elif item.sha256 and item.sha256 != record.sha256:
                wrong[relative] = "has another digest in the bucket"
            elif item.size != record.fingerprint[1]:
                wrong[relative] = f"has {item.size} bytes in the bucket"
        return wrong

    def _files(self, failed: dict[str, str]) -> Iterator[tuple[str, int]]:
        """Relative path and open descriptor of every regular file; the consumer must not close."""
        try:
            top = open_below(self._root, self._directory)
        except OSError as error:
            failed["(directory)"] = f"the output directory cannot be read: {error.strerror}"
            return
        for count, (relative, descriptor) in enumerate(self._walk("", top, 0, failed)):
            if count >= MAX_FILES:
                failed["(count)"] = f"more than {MAX_FILES} files"
                return
            yield relative, descriptor

    def _walk(
        self, prefix: str, directory: int, depth: int, failed: dict[str, str]
    ) -> Iterator[tuple[str, int]]:
        """Depth first, one open descriptor per level; closes `directory`."""
        try:
            for name in sorted(os.listdir(directory)):
                relative = prefix + name
                try:
                    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    is_dir = stat.S_ISDIR(status.st_mode)
                    if not is_dir and not stat.S_ISREG(status.st_mode):
                        self._warn(relative, f"is a {kind_of(status.st_mode)}, no regular file")
                        continue
                    name.encode("utf-8")
                    if is_dir and depth >= MAX_DEPTH:
                        failed[relative] = f"is nested deeper than {MAX_DEPTH} directories"
                        continue
                    flags = DIRECTORY_FLAGS if is_dir else FILE_FLAGS
                    descriptor = os.open(name, flags, dir_fd=directory)
                except UnicodeEncodeError:
                    self._warn(relative, "has a name that is not UTF-8")
                    continue
                except FileNotFoundError:
                    continue  # deleted meanwhile
                except OSError as error:
                    failed[relative] = f"cannot be read: {error.strerror}"
                    continue
                if is_dir:
                    yield from self._walk(f"{relative}/", descriptor, depth + 1, failed)
                    continue
                try:
                    if stat.S_ISREG(os.fstat(descriptor).st_mode):
                        yield relative, descriptor
                finally:
                    os.close(descriptor)
        finally:
            os.close(directory)

    def _warn(self, relative: str, text: str) -> None:
        key = f"{relative}\0{text}"
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            shown = relative.encode("utf-8", "backslashreplace").decode("utf-8")
            self._log.note(f"output {self.output.name}: {shown or '.'} {text}; not uploaded")


class PeriodicSync(threading.Thread):
    """Syncs outputs during the run, each with its own period."""

    def __init__(
        self,
        syncs: list[OutputSync],
        make_client: Callable[[Callable[[], None]], Client],
        log: LogWriter,
    ) -> None:
        super().__init__(name="output-sync", daemon=True)
        self._syncs = [sync for sync in syncs if sync.output.sync_seconds > 0]
        self._log = log
        self._ending = threading.Event()
        self._client = make_client(self._tick)

    def run(self) -> None:
        due = {id(sync): time.monotonic() + sync.output.sync_seconds for sync in self._syncs}
        while self._syncs:
            pause = min(due.values()) - time.monotonic()
            if self._ending.wait(max(0.0, pause)):
                return
            for sync in self._syncs:
                if due[id(sync)] > time.monotonic():
                    continue
                try:
                    result = sync.sync(self._client)
                except Aborted:
                    return
                if result.uploaded:
                    self._log.note(
                        f"output {sync.output.name}: {len(result.uploaded)} files "
                        "copied to the bucket"
                    )
                for relative, reason in list(result.failed.items())[:3]:
                    self._log.note(
                        f"output {sync.output.name}: {relative} not copied yet: {reason}"
                    )
                due[id(sync)] = time.monotonic() + sync.output.sync_seconds

    def end(self) -> None:
        """Stop at the next chunk and wait for it."""
        self._ending.set()
        if self.is_alive():
            self.join()
        self._client.close()

    def _tick(self) -> None:
        if self._ending.is_set():
            raise Aborted


class Aborted(Exception):
    """The periodic copy was told to end."""


def final_upload(syncs: list[OutputSync], client: Client) -> None:
    """The last copy and its proof. Raises Failure UPLOAD_FAILED naming what is missing."""
    wrong: dict[str, str] = {}
    total = 0
    for sync in syncs:
        result = sync.sync(client)
        problems = result.failed or sync.verify(client)
        for relative in problems:
            sync.records.pop(relative, None)
        wrong.update({f"{sync.output.name}/{path}": text for path, text in problems.items()})
        total += len(sync.records)
    if wrong:
        shown = "; ".join(f"{path}: {reason}" for path, reason in list(wrong.items())[:5])
        error = Failure(
            "UPLOAD_FAILED",
            say("UPLOAD_FAILED", n=len(wrong), total=total + len(wrong), shown=shown),
        )
        error.add_note(json.dumps(wrong))
        raise error


def save_records(syncs: list[OutputSync], path: Path) -> None:
    """Keep what was uploaded, for a retry by another process."""
    write_atomic(
        path,
        json.dumps(
            {
                sync.output.name: {
                    key: [*record.fingerprint, record.sha256]
                    for key, record in sync.records.items()
                }
                for sync in syncs
            }
        ),
    )


def load_records(syncs: list[OutputSync], path: Path) -> None:
    """Restore what `save_records` wrote; nothing there means everything is uploaded again."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    for sync in syncs:
        for key, (inode, size, modified, digest) in data.get(sync.output.name, {}).items():
            sync.records[key] = Record((inode, size, modified), digest)


def open_below(root: Path, directory: Path) -> int:
    """Open `directory` step by step from `root`, following no link. Raises OSError."""
    here = os.open(root, DIRECTORY_FLAGS)
    for part in directory.relative_to(root).parts:
        try:
            following = os.open(part, DIRECTORY_FLAGS, dir_fd=here)
        finally:
            os.close(here)
        here = following
    return here


def file_digest(descriptor: int, size: int, tick: Callable[[], None]) -> str:
    """SHA-256 of the first `size` bytes of an open file; `tick` is called between pieces."""
    digest, position = hashlib.sha256(), 0
    while position < size:
        tick()
        chunk = os.pread(descriptor, min(CHUNK, size - position), position)
        if not chunk:
            break
        digest.update(chunk)
        position += len(chunk)
    return digest.hexdigest()


def kind_of(mode: int) -> str:
    """What a file that is not regular is, in words."""
    tests = (
        (stat.S_ISLNK, "link"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "device"),
        (stat.S_ISCHR, "device"),
    )
    return next((word for test, word in tests if test(mode)), "special file")

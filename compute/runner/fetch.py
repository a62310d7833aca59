"""Bring code, inputs and model packages to the attempt's directory before anything runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from compute.runner.failures import Failure
from compute.runner.layout import Layout
from compute.runner.log import LogWriter
from compute.runner.sentences import say
from compute.runner.spec import Fetch, RunSpec, is_safe_relative
from compute.runner.state import State
from compute.runner.storage import Client, DigestMismatch, Item, StorageError
from compute.sandbox.spec import MIB

DISK_RESERVE = 64 * MIB
ROOM_SECONDS = 30.0
"""How long a full disk of the host is waited for: it may be a matter of seconds."""


class Fetcher:
    """Downloads everything a specification names; every file's digest goes to the state."""

    def __init__(
        self,
        spec: RunSpec,
        layout: Layout,
        client: Client,
        state: State,
        log: LogWriter,
        tick: Callable[[], None],
    ) -> None:
        self._spec, self._layout, self._client = spec, layout, client
        self._state, self._log, self._tick = state, log, tick
        self._bytes = 0

    def run(self, stage: Callable[[str], None]) -> None:
        """Fetch in order. Raises Failure (INPUT_MISSING, INPUT_DENIED, INPUT_INVALID, ...)."""
        for item in self._spec.fetch:
            stage("fetching code" if item.dest.startswith("code/") else "fetching files")
            self._one(item)
        for source in self._spec.inputs:
            stage("fetching inputs")
            self._layout.input_dir(source.name).mkdir(parents=True, exist_ok=True)
            self._one(Fetch("prefix", f"inputs/{source.name}_0", source.bucket, source.prefix))
        for output in self._spec.outputs:
            if output.predownload:
                stage("fetching earlier outputs")
                dest = f"outputs/{output.name}_0"
                self._one(Fetch("prefix", dest, output.bucket, output.prefix, required=False))

    def _one(self, item: Fetch) -> None:
        target = self._layout.host(item.dest)
        before = self._state.detail.get("fetched_count", 0), self._bytes
        try:
            if item.kind == "prefix":
                self._prefix(item, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._file(item, item.prefix, target, item.sha256)
        except StorageError as error:
            if error.status == 404 and not item.required:
                self._log.note(f"{where(item)} does not exist; it is optional and was left out")
                return
            raise failure(item, error) from error
        except OSError as error:
            raise disk_failure(error, target, self._layout.work.is_mount()) from error
        files = self._state.detail.get("fetched_count", 0) - before[0]
        self._log.note(f"fetched {where(item)}: {files} files, {self._bytes - before[1]} bytes")

    def _prefix(self, item: Fetch, target: Path) -> None:
        folder = f"{item.prefix.strip('/')}/" if item.prefix.strip("/") else ""
        target.mkdir(parents=True, exist_ok=True)
        count = 0
        for entry in self._client.listing(item.bucket, folder):
            if item.skip and entry.key.startswith(item.skip):
                continue
            count += 1
            self._entry(item, entry, entry.key[len(folder) :], target)
        if count:
            return
        exact = item.prefix.strip("/")
        for entry in self._client.listing(item.bucket, exact) if exact else ():
            if entry.key == exact:
                self._entry(item, entry, exact.rpartition("/")[2], target)
                return
        if item.required:
            raise Failure(
                "INPUT_MISSING",
                say("INPUT_NOTHING_THERE", where=where(item)),
            )
        self._log.note(f"nothing lies at {where(item)}; it is optional and was left out")

    def _entry(self, item: Fetch, entry: Item, relative: str, target: Path) -> None:
        if entry.key.endswith("/"):
            if relative and is_safe_relative(relative.rstrip("/")):
                (target / relative).mkdir(parents=True, exist_ok=True)
            return
        if not is_safe_relative(relative):
            raise Failure(
                "INPUT_INVALID",
                say("INPUT_NO_PATH", entry=repr(entry.key), bucket=item.bucket),
            )
        path = target / relative
        self._room(entry.size)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise clash(item, entry.key) from error
        if path.is_dir():
            raise clash(item, entry.key)
        self._file(item, entry.key, path, entry.sha256)

    def _file(self, item: Fetch, key: str, path: Path, sha256: str) -> None:
        if item.kind == "url":
            digest, size = self._client.get_url(item.url, path, sha256)
            source = item.url
        else:
            digest, size = self._client.get(item.bucket, key, path, sha256)
            source = f"{item.bucket}/{key}"
        self._bytes += size
        self._room(0)
        self._state.add(
            "fetched",
            {"source": source, "path": self._layout.inside(path), "size": size, "sha256": digest},
        )

    def _room(self, size: int) -> None:
        limit = self._spec.limits.disk_mb * MIB
        if limit and self._bytes + size > limit:
            raise Failure(
                "DISK_FULL",
                say("INPUTS_TOO_LARGE", disk_mb=self._spec.limits.disk_mb),
            )
        if self._layout.work.is_mount():
            return  # a volume of its own, whose blocks were taken before
        until = time.monotonic() + ROOM_SECONDS
        while (free := shutil.disk_usage(self._layout.directory).free) - size < DISK_RESERVE:
            if time.monotonic() < until:
                self._tick()
                time.sleep(0.5)
                continue
            raise Failure(
                "DISK_FULL",
                say("INPUTS_NO_ROOM", free=free // MIB),
            )


def where(item: Fetch) -> str:
    """The source as people write it."""
    return f"`{item.url}`" if item.kind == "url" else f"`{item.bucket}/{item.prefix}`"


def clash(item: Fetch, key: str) -> Failure:
    """An object and a directory of the same name cannot both be files on disk."""
    return Failure(
        "INPUT_INVALID",
        say("INPUT_FILE_AND_FOLDER", bucket=item.bucket, key=repr(key)),
    )


def failure(item: Fetch, error: StorageError) -> Failure:
    """The reason code of a refused download, with the path and the server's own explanation."""
    says = f" The storage says: {error.explanation}." if error.explanation else ""
    if error.status == 404:
        return Failure(
            "INPUT_MISSING",
            say("INPUT_MISSING", where=where(item), what=error.what, says=says),
        )
    if error.status in (401, 403):
        return Failure(
            "INPUT_DENIED",
            say("INPUT_DENIED", where=where(item), what=error.what, says=says),
        )
    if isinstance(error, DigestMismatch):
        return Failure(
            "INPUT_CORRUPT",
            say("INPUT_CORRUPT", where=where(item), what=error.what, says=says),
        )
    return Failure(
        "INPUT_UNREACHABLE",
        say("INPUT_UNREACHABLE", where=where(item), error=str(error)),
    )


def disk_failure(error: OSError, path: Path, own: bool) -> Failure:
    """An error of the local file system while storing an input. `own`: of the attempt's volume."""
    if error.errno in (28, 122) and own:
        return Failure(
            "DISK_FULL",
            say("INPUTS_DO_NOT_FIT", path=repr(path.name)),
        )
    if error.errno in (28, 122):
        return Failure(
            "DISK_FULL",
            say("NO_SPACE_ON_HOST", path=repr(path.name)),
        )
    if error.errno in (36, 63):
        return Failure(
            "INPUT_INVALID",
            say("INPUT_NAME_TOO_LONG", path=repr(path.name[:80])),
        )
    return Failure("RUNNER_ERROR", say("INPUT_NOT_STORED", error=str(error)))

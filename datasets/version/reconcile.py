"""Looks after dataset versions: reads the bytes once and says whether they may be trained on."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from django.utils import timezone

from core import actor as actors
from core import codes, reconcile, states
from core.budget import Exceeded
from core.codes import Message
from core.errors import AppError
from datasets import idx, messages
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetFile, DatasetVersion
from storage.blob import services as blobs

BUDGET = 40.0  # seconds of reading; the look has a few more
NOTE_EVERY = 1.0  # seconds between notes of progress

Phase = DatasetVersion.Phase


class TooSlow(OSError):
    """The check ran out of its time; an OSError, because datasets.idx lets those pass."""


class Watched:
    """A stream that counts what is read, notes progress and keeps to the time."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._progress.add(len(data))
        return data

    def close(self) -> None:
        self._stream.close()


class Progress:
    """Bytes read so far of one check, written to the row about once a second."""

    def __init__(self, version: DatasetVersion) -> None:
        self._version = version
        self._end = time.monotonic() + BUDGET
        self._next = time.monotonic() + NOTE_EVERY
        self.read = 0

    def add(self, count: int) -> None:
        self.read += count
        self.tick()

    def tick(self) -> None:
        """Also where nothing is read: the look as a whole ends a little later. Raises TooSlow."""
        now = time.monotonic()
        if now > self._end:
            raise TooSlow(f"reading took more than {BUDGET:.0f} seconds")
        if now > self._next:
            self._next = now + NOTE_EVERY
            states.observed(self._version, secondary=f"{self.percent} %")

    @property
    def percent(self) -> int:
        return min(100, 100 * self.read // max(1, self._version.size))


@reconcile.reconciler(DatasetVersion, long=True)
def look(version: DatasetVersion) -> float | None:
    """Creating -> Validating -> Ready or Invalid; Error where the bytes could not be read."""
    system = actors.system("reconciler")
    if version.phase == Phase.CREATING:
        states.transition(version, Phase.VALIDATING, actor=system, message=messages.READING())
    if version.phase != Phase.VALIDATING:
        return None
    if version.deadline_at is not None and timezone.now() > version.deadline_at:
        _stop(version, "CHECK_TIMEOUT", messages.CHECK_TIMEOUT())
        return None
    try:
        _check(version)
    except TooSlow:
        _stop(version, "CHECK_TOO_LONG", messages.CHECK_TOO_LONG(seconds=BUDGET))
    except (OSError, AppError) as error:
        _stop(version, "CHECK_FAILED", messages.CHECK_FAILED(error=_why(error)))
    return None


def openers(version: DatasetVersion, progress: Progress | None = None) -> dict[str, Any]:
    """Path -> callable that opens the file's bytes, as datasets.idx wants them."""

    def opener(file: DatasetFile) -> Callable[[], Any]:
        def open_it() -> Any:
            stream = blobs.read(file.blob)
            return Watched(stream, progress) if progress is not None else stream

        return open_it

    rows = DatasetFile.objects.filter(version=version).select_related("blob").order_by("path")
    return {file.path: opener(file) for file in rows}


def _why(error: OSError | AppError) -> str:
    return error.message if isinstance(error, AppError) else str(error)


def _check(version: DatasetVersion) -> None:
    if version.format != Dataset.Format.IDX:
        _done(version, Phase.READY, {}, [], messages.AS_THEY_ARE(files=version.file_count))
        return
    progress = Progress(version)
    try:
        report = idx.validate_bounded(
            openers(version, progress), classes=version.classes, tick=progress.tick
        )
    except Exceeded as why:
        report = idx.IdxReport([_unreadable(why)])
    errors = sum(problem.level == "error" for problem in report.problems)
    warnings = len(report.problems) - errors + report.more  # errors are listed first
    problems = [codes.finding(dataclasses.asdict(problem)) for problem in report.problems]
    summary = {"splits": report.summary(), "value_bytes": report.value_bytes}
    if report.ok:
        images = sum(split.count for split in report.splits.values())
        _done(
            version, Phase.READY, summary, problems,
            messages.PASSED(images=images, warnings=warnings),
        )  # fmt: skip
    else:
        _done(
            version, Phase.INVALID, summary, problems,
            messages.DATA_INVALID(errors=errors, first=report.problems[0].message),
        )  # fmt: skip


def _unreadable(why: Exceeded) -> idx.Problem:
    message = messages.FILE_UNREADABLE(file=why.file, why=why.said)
    return idx.Problem("FILE_UNREADABLE", why.file, message, message.next)


def _done(
    version: DatasetVersion,
    phase: str,
    summary: dict[str, Any],
    problems: list[dict[str, Any]],
    message: Message,
) -> None:
    states.transition(
        version,
        phase,
        actor=actors.system("reconciler"),
        reason="DATA_INVALID" if phase == Phase.INVALID else "",
        message=message,
        detail={"next": message.next} if phase == Phase.INVALID else None,
        summary=summary,
        problems=problems,
    )


def _stop(version: DatasetVersion, reason: str, message: Message) -> None:
    states.transition(
        version,
        Phase.ERROR,
        actor=actors.system("reconciler"),
        reason=reason,
        message=message,
        detail={"next": message.next},
    )

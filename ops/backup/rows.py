"""Rows about backups: written by who makes one, read by the plan and the operator's page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from core import liveness
from core.audit import one_line
from ops.models import Backup
from storage.blob import keep

DAY = dt.timedelta(days=1)
SHOWN = 30
KILLED = "Its process was killed; nothing of it counts, and the next backup tidies up."
KILLED_LATE = "Its process was killed after the manifest was written: the backup is good."
GOOD = (Backup.State.DONE, Backup.State.FAULTY)


def begin(name: str, place: Path, *, planned: bool, encrypted: bool) -> Backup:
    """A backup that this process makes."""
    return Backup.objects.create(
        name=name,
        place=str(place)[:1024],
        planned=planned,
        encrypted=encrypted,
        process=liveness.me(),
    )


def finish(row: Backup, state: str, message: str = "", **fields: int) -> None:
    """How it ended."""
    for key, value in {**fields, "state": state, "message": one_line(message)}.items():
        setattr(row, key, value)
    row.ended_at = timezone.now()
    row.save()


def close_killed() -> None:
    """Write down what became of backups whose process is gone."""
    for row in Backup.objects.filter(state=Backup.State.RUNNING):
        if _is_gone(row):
            there = (Path(row.place) / "backups" / row.name / "manifest.json").is_file()
            Backup.objects.filter(pk=row.pk, state=Backup.State.RUNNING).update(
                state=Backup.State.DONE if there else Backup.State.FAILED,
                message=KILLED_LATE if there else KILLED,
                ended_at=timezone.now(),
            )


def _is_gone(row: Backup) -> bool:
    """Its process has ended for certain, or keeps nothing any more: no host can look at a process
    of another host, or of before this one was started."""
    if liveness.is_gone(row.process):
        return True
    young = timezone.now() - row.begun_at < 2 * keep.VALID
    return not young and not keep.is_kept(row.name)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the operator wants to know at a glance."""

    last: Backup | None  # the newest that counts
    running: Backup | None
    failed: Backup | None  # the newest, where it failed

    @property
    def late(self) -> bool:
        """Whether the newest one is older than a day, or than twice the plan where that is
        longer."""
        allowed = max(DAY, 2 * every()) if planned() else DAY
        return self.last is None or timezone.now() - self.last.begun_at > allowed


def summary() -> Summary:
    """As the rows tell it now."""
    rows = Backup.objects.order_by("-begun_at", "-id")
    newest = rows.exclude(state=Backup.State.RUNNING).first()
    return Summary(
        last=rows.filter(state__in=GOOD).first(),
        running=rows.filter(state=Backup.State.RUNNING).first(),
        failed=newest if newest is not None and newest.state == Backup.State.FAILED else None,
    )


def planned() -> bool:
    """Whether backups are made without being asked for."""
    return bool(settings.MODELYARD_BACKUP_DIR)


def every() -> dt.timedelta:
    """The time from one planned backup to the next."""
    return dt.timedelta(hours=settings.MODELYARD_BACKUP_EVERY)

"""Planned backups: a process of their own, which the clock only starts and looks at."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from compute.engines.manage import SETSID
from ops.backup import rows
from ops.models import Backup

log = logging.getLogger("modelyard.backup")

AGAIN = dt.timedelta(hours=1)  # after one that failed, where the plan is not more often
WITHIN = 15  # seconds for starting a process that no request waits for


def look() -> str:
    """Start a backup if one is due; says what was found: off, running, early or started."""
    rows.close_killed()
    if not rows.planned():
        return "off"
    if Backup.objects.filter(state=Backup.State.RUNNING).exists():
        return "running"
    if not is_due():
        return "early"
    start()
    return "started"


def is_due() -> bool:
    """Whether the last planned backup is long enough ago."""
    last = Backup.objects.filter(planned=True).order_by("-begun_at", "-id").first()
    if last is None:
        return True
    wait = rows.every()
    if last.state == Backup.State.FAILED:
        wait = min(wait, AGAIN)
    # One in the future was begun before somebody set the clock back.
    return not dt.timedelta(0) <= timezone.now() - last.begun_at < wait


def start() -> None:
    """``manage.py backup`` as settings say, in a session of its own: neither the end of a worker
    nor the stop of the installation cuts it off."""
    line = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "backup"]
    line += [settings.MODELYARD_BACKUP_DIR, "--planned"]
    line += ["--keep", str(settings.MODELYARD_BACKUP_KEEP)]
    for key in settings.MODELYARD_BACKUP_ENCRYPT:
        line += ["--encrypt", key]
    if settings.MODELYARD_BACKUP_LOGS:
        line.append("--logs")
    folder = Path(settings.VAR_DIR) / "log"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "backup.log").open("ab") as out:
        subprocess.run(
            [SETSID, "--fork", *line],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=True,
            timeout=WITHIN,
        )
    log.info("a planned backup was started; it writes %s", folder / "backup.log")

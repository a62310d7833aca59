"""Restores that are killed, disks that are full, and planned backups: processes of their own."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.backup import files
from ops.backup.errors import BackupError
from ops.supervisor import installation
from ops.supervisor.reporter import Reporter
from tests.ops.small import Small, ids, stored
from tests.waiting import until

New = Callable[..., Small]
pytestmark = pytest.mark.slow


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_killed_restore_is_no_installation_and_the_next_one_ends_it(
    small: Small, place: Path, new: New
) -> None:
    small.good(("backup", place))
    copy = new("copy")
    marker = copy.var / "restoring.json"
    with copy.start("manage.py", "restore", place) as process:
        until(lambda: any(copy.var.glob("objects/??/*")))
        os.kill(process.pid, signal.SIGKILL)
    assert marker.exists()
    options = argparse.Namespace(var=copy.var)
    with pytest.raises(installation.Unusable, match="has not ended"):
        installation.start(options, Reporter())
    assert not (copy.var / "run").exists()

    with copy.start("manage.py", "restore", place) as process:
        until(lambda: '"database"' in marker.read_text())
        os.kill(process.pid, signal.SIGKILL)
    assert marker.exists()
    found = copy.good(("restore", place), ("show",), ("installation", "show"))[1].value
    assert not marker.exists()
    assert found["blobs"] == found["whole"] == found["stored"]
    assert found["jobs"]["runs"][1] == "RESTORED"
    assert found["trail"].count("restoreInstallation") == 1


def test_a_file_system_that_takes_no_more_ends_it_cleanly(small: Small, place: Path) -> None:
    """The limit on a file's size stands in for a disk that fills while the backup writes."""
    small.good(("backup", place, "--keep", "9"))
    for path in place.glob("blobs/*/*"):
        path.unlink()
    with small.start("-c", LIMITED, "manage.py", "backup", place) as process:
        out, errors = process.communicate(timeout=300)
    assert process.returncode != 0, out
    assert "is full" in errors
    assert "Traceback" not in errors
    assert len(ids(place)) == 1
    assert not list(place.rglob("*.new"))
    small.good(("backup", place))
    assert len(ids(place)) == 2


def test_room_is_looked_at_first(tmp_path: Path) -> None:
    files.room(tmp_path, 1, "Nothing")
    with pytest.raises(BackupError, match=r"Everything needs .* bytes in .*, where .* are free"):
        files.room(tmp_path, 1 << 60, "Everything")


def test_a_planned_backup_is_a_process_of_its_own(small: Small, place: Path) -> None:
    plan = {"MODELYARD_BACKUP_DIR": str(place), "MODELYARD_BACKUP_KEEP": "1"}
    look = ("shell", "-c", "from ops import schedule; print(schedule.look())")
    first = small.good(look, **plan)[0].said
    assert "started" in first
    until(lambda: len(ids(place)) == 1)

    def ended() -> bool:
        return [state for _name, state, _message in small.show()["backups"]] == ["Done"]

    until(ended)
    assert "early" in small.good(look, **plan)[0].said
    assert "off" in small.good(look)[0].said
    assert stored(place)
    log = (small.var / "log" / "backup.log").read_text()
    assert f"backup {ids(place)[0]} in {place}" in log

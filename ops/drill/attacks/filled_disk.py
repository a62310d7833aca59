"""A job fills the disk it was given, with many files at once and without writing a byte."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

from ops.drill.attacks.base import Attack
from ops.drill.client import PREFIX
from ops.drill.work import ENGINE, FLAVOR, POOL, TERMINAL, until

END_WITHIN = 120.0
FREE = 64 * 1024 * 1024  # bytes below which the database beside could not commit much longer
PROGRAM = """
import os, time
taken = 0
for n in range(64):
    fd, size, step = os.open(f"/home/ma-user/big{n}", os.O_CREAT | os.O_RDWR), 0, 1 << 34
    while step >= 4096:
        try:
            os.posix_fallocate(fd, size, step)
            size += step
        except OSError:
            step //= 2
    taken += size
print("took", taken, flush=True)
time.sleep(600)
"""


class FilledDisk(Attack):
    """The job ends with its own reason; the host keeps room for everybody else."""

    name = "filled-disk"

    _id = ""

    def begin(self) -> None:
        api = self.client.api
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "main.py")
            path.write_text(PROGRAM)
            api.put_file(PREFIX, "greedy/main.py", path)
        row = self.client.post(
            "/training-jobs",
            {
                "name": f"{PREFIX}-{uuid.uuid4().hex[:8]}",
                "code_bucket": PREFIX,
                "code_prefix": "greedy/",
                "boot_file": "main.py",
                "engine": ENGINE,
                "flavor": FLAVOR,
                "pool": POOL,
            },
        )
        self._id = row["id"]
        until("the job's greed", self._took, within=END_WITHIN)

    def look(self) -> list[str]:
        free = shutil.disk_usage(self.host.var).free
        return [] if free > FREE else [f"the host has {free} bytes left"]

    def end(self) -> str:
        if not self._id:
            return ""
        row = until("the job's end", self._ended, within=END_WITHIN)
        if row["reason"] != "DISK_FULL":
            self.client.wrong.append(f"the job ended {row['phase']} {row['reason']}")
        return f"{row['phase']} {row['reason']}"

    def _row(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/training-jobs/{self._id}")
        return found

    def _took(self) -> bool:
        text = self.client.get(f"/training-jobs/{self._id}/logs", offset=0)["text"]
        return "took" in text or self._row()["phase"] in TERMINAL

    def _ended(self) -> dict[str, Any] | None:
        row = self._row()
        return row if row["phase"] in TERMINAL else None

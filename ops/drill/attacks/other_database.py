"""The installation's folder is used once with another database, as by a shell that lost its
``DATABASE_URL``: starts, a worker, and the sweeps themselves."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from client import StepFailed
from ops.drill.attacks.beside import Beside, manage, start_line

HOURS = 2 * 3600
SWEEPS = (
    "from storage.tasks import sweep; from compute.tasks import sweep as attempts; "
    "print(sweep()); print(attempts())"
)


class OtherDatabase(Beside):
    """Every start is refused, and the sweeps move nothing."""

    name = "other-database"

    def begin(self) -> None:
        self.remember()
        self._folder = Path(tempfile.mkdtemp(prefix="modelyard-other-"))
        own = self.variables(
            DATABASE_URL=f"sqlite:///{self._folder}/other.sqlite3",
            MODELYARD_VAR=str(self.host.var),
            MODELYARD_LOG_LEVEL="ERROR",
        )
        self._objects = self._stored()
        # What the sweep leaves alone because it is young is no proof.
        past = time.time() - HOURS
        for path in (self.host.var / "objects").glob("??/*"):
            os.utime(path, (past, past))
        self.refused("a start", start_line(self.host.var), own)
        code, said = self.run(*manage("migrate", "--noinput"), variables=own)
        if code:
            raise StepFailed(f"the other database could not be made: {said[-500:]}")
        self.refused("`manage.py prepare`", manage("prepare"), own)
        worker = (sys.executable, "-m", "celery", "-A", "console", "worker", "--pool", "solo")
        self.refused("a worker", worker, own)
        code, said = self.run(*manage("shell", "-c", SWEEPS), variables=own)
        if "do not belong together" not in said:
            raise StepFailed(f"the sweeps did not refuse (exit code {code}): {said[-500:]}")

    def look(self) -> list[str]:
        missing = self._objects - self._stored()
        return [*super().look(), *([f"{len(missing)} objects are gone"] if missing else [])]

    def end(self) -> str:
        shutil.rmtree(self._folder, ignore_errors=True)
        return f"start, worker and sweeps refused; {len(self._objects)} objects in their place"

    def _stored(self) -> set[str]:
        """Objects that others do not delete meanwhile: those of the demonstration."""
        found = (self.host.var / "objects").glob("??/*")
        young = time.time() - 60
        return {path.name for path in found if path.stat().st_mtime < young}

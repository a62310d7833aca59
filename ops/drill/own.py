"""An installation of the drill's own: a small disk, a clock and a database; gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from core.layout import ROOT
from ops.drill import clock, proof
from ops.drill.client import DrillFailed
from ops.drill.cluster import Cluster
from ops.drill.processes import Host

DISK = "1536m"
START_WITHIN = 900.0  # on a machine that has to build the engine first
STOP_WITHIN = 120.0
PLAYED = "the demo ended, exit code 0"
FOREIGN = ("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_")
KEPT = ("MODELYARD_ENGINES", "MODELYARD_ALLOW_WEAK_SANDBOX", "MODELYARD_CGROUP")


class Own:
    """``with Own("sqlite", tell) as own: own.hold([...])``. Raises DrillFailed."""

    def __init__(self, database: str, tell: Callable[[str], None]) -> None:
        self._database = database
        self._tell = tell
        self._folder = Path(tempfile.mkdtemp(prefix="modelyard-drill-"))
        self._folder.chmod(0o711)  # sandboxed users reach what lies below the data folder
        self._var = self._folder / "var"
        self._var.mkdir(mode=0o711)
        self._log = self._folder / "run.log"
        self._mounted = False
        self._cluster: Cluster | None = None
        self.host = Host(self._var)

    def __enter__(self) -> Self:
        try:
            self._mount()
            if self._database == "postgresql":
                self._cluster = Cluster(self._folder / "postgresql")
            self._start()
        except BaseException:
            self._take_away()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._take_away()

    def hold(self, arguments: Sequence[str]) -> int:
        """``manage.py drill`` on it; returns its exit code, 1 when a process outlives the end."""
        commands: list[str] = []
        if self._cluster is not None:
            commands = [
                "--database-stop",
                self._cluster.stop_command,
                "--database-start",
                self._cluster.start_command,
            ]
        line = [sys.executable, "manage.py", "drill", "--yes", *commands, *arguments]
        code = subprocess.run(line, cwd=ROOT, env=self._variables(), check=False).returncode
        self._stop()
        left = [*self.host.living(), *proof.strays(self.host, set())]
        for text in left:
            self._tell(f"left after the end: {text}")
        return code or int(bool(left))

    # -- parts ---------------------------------------------------------------------------------

    def _variables(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT or not name.startswith(FOREIGN)
        }
        own = {"MODELYARD_VAR": str(self._var)}
        if self._cluster is not None:
            own["DATABASE_URL"] = self._cluster.url
        return {**inherited, **own}

    def _mount(self) -> None:
        line = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=711", "drill", str(self._var)]
        if os.geteuid() == 0:
            done = subprocess.run(line, capture_output=True, check=False)
            self._mounted = done.returncode == 0
        if not self._mounted:
            self._tell("no small file system could be mounted: the disk is left alone")

    def _start(self) -> None:
        preload = clock.variables(self._folder)
        if not preload:
            self._tell("there is no C compiler: the clock is left alone")
        self._tell(f"starting an installation on {self._database} below {self._folder}")
        line = [str(ROOT / "run"), "--demo", "--var", str(self._var)]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*line, "--port", "0", "--gateway-port", "0"],
                cwd=ROOT,
                env={**self._variables(), **preload},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_WITHIN
        while PLAYED not in (text := self._log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > until:
                raise DrillFailed(f"the demonstration did not end well: {text[-2000:]}")
            time.sleep(0.2)

    def _stop(self) -> None:
        supervisor = self.host.supervisor
        supervisor.terminate()
        until = time.monotonic() + STOP_WITHIN
        while supervisor.alive and time.monotonic() < until:
            time.sleep(0.1)
        supervisor.kill()

    def _take_away(self) -> None:
        try:
            self._stop()
            if self._cluster is not None:
                self._cluster.stop()
        finally:
            if self._mounted:
                subprocess.run(["umount", "--lazy", str(self._var)], check=False)
                self._mounted = False
            shutil.rmtree(self._folder, ignore_errors=True)

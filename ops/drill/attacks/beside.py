"""What two attacks share that start something beside the running installation, on its own data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from client import StepFailed
from core.layout import ROOT
from ops.drill.attacks.base import Attack
from ops.drill.client import Client
from ops.drill.processes import Host, Process
from ops.supervisor import procfs

PROGRAMS = ("broker", "web", "gateway", "worker", "beat")
WITHIN = 300.0
FOREIGN = ("DATABASE_URL", "REDIS_URL", "MODELYARD_VAR", "MODELYARD_INSTALLATION")


class Beside(Attack):
    """Base: the installation's processes, and commands with its settings."""

    def __init__(self, client: Client, host: Host) -> None:
        super().__init__(client, host)
        self._before: dict[str, Process] = {}
        self._living: set[str] = set()

    def remember(self) -> None:
        """What runs now has to run afterwards, as the very same processes."""
        self._before = {name: self.host.program(name) for name in PROGRAMS}
        self._before["run"] = self.host.supervisor
        self._living = self.host.living()

    def look(self) -> list[str]:
        gone = [name for name, one in self._before.items() if one.pid and not one.alive]
        ended = self._living - self.host.living()
        return [
            *(f"{name} of the installation was ended" for name in gone),
            *(f"attempt {attempt} of the installation was ended" for attempt in sorted(ended)),
        ]

    def given(self) -> dict[str, str]:
        """The variables that ./run was started with."""
        return procfs.environment(self.host.supervisor.pid)

    def variables(self, **own: str) -> dict[str, str]:
        """Those variables for something beside it: nothing that names its database or folder."""
        kept = {name: value for name, value in self.given().items() if name not in FOREIGN}
        engines = kept.get("MODELYARD_ENGINES") or str(self.host.var / "engines")
        return {**kept, "MODELYARD_ENGINES": engines, **own}

    def run(
        self, *words: str, variables: Mapping[str, str], within: float = WITHIN
    ) -> tuple[int, str]:
        """A command of the project to its end: exit code and everything it wrote."""
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=False,
        )
        return done.returncode, done.stdout

    def refused(self, what: str, words: tuple[str, ...], variables: Mapping[str, str]) -> None:
        """A start that has to end with a sentence. Raises StepFailed."""
        code, said = self.run(*words, variables=variables)
        if code == 0 or "Traceback" in said:
            raise StepFailed(f"{what} was not refused (exit code {code}): {said[-500:]}")


def start_line(var: Path, *options: str) -> tuple[str, ...]:
    """./run over a folder, on free ports."""
    return (str(ROOT / "run"), "--var", str(var), "--port", "0", "--gateway-port", "0", *options)


def manage(*words: str) -> tuple[str, ...]:
    """A management command."""
    return (sys.executable, "manage.py", *words)


class Started:
    """A second installation that runs until ``stop``."""

    def __init__(self, line: tuple[str, ...], variables: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                line,
                cwd=ROOT,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Wait until it says so. Raises StepFailed."""
        until = time.monotonic() + WITHIN
        while "Modelyard is ready:" not in (said := self._log.read_text(errors="replace")):
            if self._process.poll() is not None or time.monotonic() > until:
                raise StepFailed(f"the copy did not start: {said[-1000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """In order; killed where it does not."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(120)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

"""The demonstration, told while a part dies: it must end as well as ever."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any

from client import StepFailed
from core.layout import ROOT
from ops.drill.client import Client
from ops.drill.processes import Host
from ops.drill.work import REACHED, until


class Story:
    """One telling, as a person starts it by hand."""

    name = "demonstration"

    def __init__(self, client: Client, host: Host) -> None:
        self.client, self.host = client, host
        self.id = ""
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._telling: subprocess.Popen[bytes] | None = None
        self._before: set[str] = set()

    def start(self, **_options: Any) -> None:
        self._before = set(self.host.attempts())
        self.id = self.name
        self._telling = subprocess.Popen(
            [sys.executable, "-m", "demo", "--base-url", self.host.address("web")],
            cwd=ROOT,
            stdout=self._words,
            stderr=self._words,
        )

    @property
    def attempt(self) -> str:
        """The first attempt that the story began."""
        new = sorted(set(self.host.attempts()) - self._before)
        return new[0] if new else ""

    def reach(self, phase: str) -> None:
        def training() -> bool:
            if self._telling is None or self._telling.poll() is not None:
                raise StepFailed(f"the demonstration ended before {phase}: {self._said()}")
            return self.host.state(self.attempt).get("phase") == "running"

        until(f"the demonstration's {phase}", training, within=REACHED)

    def end(self, within: float) -> str:
        """Its end in words. Raises StepFailed when it is not a good one."""
        telling = self._telling
        if telling is None:
            raise StepFailed("the demonstration was not begun")
        try:
            code = telling.wait(within)
        except subprocess.TimeoutExpired:
            telling.kill()
            telling.wait()
            raise StepFailed(f"it did not end within {within:.0f} s: {self._said()}") from None
        if code != 0:
            raise StepFailed(f"it ended {code}: {self._said()}")
        return "exit code 0"

    def _said(self) -> str:
        self._words.seek(0)
        return self._words.read().decode(errors="replace")[-600:]

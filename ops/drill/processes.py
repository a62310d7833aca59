"""Process numbers of one installation, read from its data folder; nothing else is ever touched."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.identity import places
from ops.supervisor import procfs
from ops.supervisor.lock import Lock, is_ours, read_json


@dataclass(frozen=True, slots=True)
class Process:
    """One process, known by number and start time."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        return self.pid > 1 and procfs.alive(self.pid, self.started)

    def terminate(self) -> None:
        """SIGTERM, if it is still this very process."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self, *, group: bool = False) -> None:
        """SIGKILL, if it is still this very process; with ``group`` to all of its group."""
        if not self.alive:
            return
        with suppress(ProcessLookupError):
            if group and os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)


NOBODY = Process(0, 0)


class Host:
    """The processes that belong to one data folder."""

    def __init__(self, var: Path) -> None:
        self.var = var

    @property
    def supervisor(self) -> Process:
        """The ``./run`` that holds the folder."""
        path = self.var / "run" / "supervisor.lock"
        found = read_json(path)
        # The file of a copied folder names the original's supervisor, and no process holds it.
        if Lock(path).holder() is None:
            return NOBODY
        return Process(int(found.get("pid", 0)), int(found.get("started", 0)))

    def program(self, name: str) -> Process:
        """web, gateway, worker, beat or broker, as it runs now."""
        for child in read_json(self.var / "run" / "state.json").get("children", []):
            if child["name"] == name and self._is_ours(int(child["pid"])):
                return Process(int(child["pid"]), int(child["started"]))
        return NOBODY

    def _is_ours(self, pid: int) -> bool:
        return is_ours(pid, self.var, str((places.read(self.var) or {}).get("installation", "")))

    def address(self, name: str) -> str:
        """Where web or gateway answer."""
        found = read_json(self.var / "run" / "state.json").get("addresses", {})
        return str(found.get(name, ""))

    def attempts(self) -> list[str]:
        """Ids of all attempts on this host."""
        folder = self.var / "work" / "attempts"
        if not folder.is_dir():
            return []
        return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]

    def attempt_of_job(self, name: str) -> str:
        """The latest attempt of the job of this name, "" before there is one."""
        found = []
        for attempt in self.attempts():
            spec = read_json(self._attempt(attempt) / "spec.json")
            if spec.get("env", {}).get("MODELYARD_JOB_NAME") == name:
                found.append((int(spec.get("token", 0)), attempt))
        return max(found)[1] if found else ""

    def state(self, attempt: str) -> dict[str, Any]:
        """What the runner of an attempt reported last; empty before its first report."""
        return read_json(self._attempt(attempt) / "state.json") if attempt else {}

    def runner(self, attempt: str) -> Process:
        state = self.state(attempt)
        return Process(int(state.get("pid", 0)), int(state.get("pid_start", 0)))

    def user_process(self, attempt: str) -> Process:
        """The first process inside the sandbox."""
        state = self.state(attempt)
        return Process(int(state.get("program_pid", 0)), int(state.get("program_pid_start", 0)))

    def living(self) -> set[str]:
        """Attempts of which a process is alive."""
        return {
            attempt
            for attempt in self.attempts()
            if self.runner(attempt).alive or self.user_process(attempt).alive
        }

    def _attempt(self, attempt: str) -> Path:
        return self.var / "work" / "attempts" / attempt

"""A program the supervisor runs, and one life of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ops.supervisor import logs, procfs
from ops.supervisor.lock import Child
from ops.supervisor.probes import Probe

CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Program:
    """What to run and how to tell that it works.

    `ready` answers whether the running copy serves; a program that cannot be asked counts as ready
    when it has lived `settle` seconds. `grace` is how many seconds it has between SIGTERM and
    SIGKILL. `parent_death` is the signal the kernel sends it when the supervisor is killed.
    `variables` are for it alone; what the operator set wins.
    """

    name: str
    argv: tuple[str, ...]
    ready: Probe | None = None
    settle: float = 0.0
    grace: float = 10.0
    parent_death: signal.Signals = signal.SIGTERM
    ready_within: float = 90.0
    variables: Mapping[str, str] = field(default_factory=dict)


class Life:
    """One running copy of a program, leader of its own session so that a Ctrl-C on the terminal
    reaches the supervisor alone and the whole group can be ended at once."""

    def __init__(
        self,
        program: Program,
        *,
        log: Path | None,
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        """Start it, with output to the file `log` or, without one, to the terminal.

        Must be called from the main thread: the kernel ties the death signal to the thread that
        started the process (prctl(2), PR_SET_PDEATHSIG).
        """
        self.program = program
        self.log = log
        stream: IO[bytes] | None = None
        self.log_start = 0
        if log is not None:
            logs.rotate(log)
            stream = os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
            self.log_start = stream.seek(0, os.SEEK_END)
        shim = (sys.executable, "-I", "-S", str(CHILD), str(os.getpid()))
        try:
            self._popen = subprocess.Popen(
                [*shim, str(int(program.parent_death)), "--", *program.argv],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT if stream else None,
                env={**program.variables, **environment},
                cwd=folder,
                start_new_session=True,
            )
        finally:
            if stream:
                stream.close()
        self.began = time.monotonic()
        found = procfs.stat(self._popen.pid)
        self.identity = Child(program.name, self._popen.pid, found.started if found else 0)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def ended(self) -> bool:
        """Whether the leader has ended. It is left unreaped so that its number stays taken and
        `reap` cannot hit a stranger's group."""
        if self._popen.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def terminate(self) -> None:
        """Ask the leader to stop. Only the leader: the servers here stop their own workers in
        order, and a Celery pool process would take SIGTERM as "drop the task"."""
        if not self.ended():
            self._popen.send_signal(signal.SIGTERM)

    def reap(self) -> int:
        """Kill what is left of the group and return the exit code (negative: the signal)."""
        self.kill()
        return self._popen.wait()

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        if self._popen.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def last_words(self, lines: int = 15) -> list[str]:
        """The last lines this copy wrote."""
        return logs.tail(self.log, lines, self.log_start) if self.log else []


def describe(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"

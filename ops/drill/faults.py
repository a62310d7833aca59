"""The blows: each strikes one part, says when it is there again, and undoes what it did."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

from ops.drill.processes import Host, Process
from ops.drill.work import Missed
from ops.supervisor import procfs

GONE_SECONDS = 10.0
THERE_WITHIN = 10.0  # a sandbox takes a moment to begin
CLOCK_BACK = "-60"
MAX_DISK = 8 * 1024**3  # a larger file system is not one for drills


class Skip(Exception):
    """This installation does not offer what the scenario breaks; the text says what it takes."""


class Fault:
    """Base. ``check`` raises Skip, ``strike`` breaks, ``back`` asks whether it stands again."""

    name = ""
    #: seconds that the part is away by the fault's own will
    away = 0.0
    #: seconds until the part must stand again
    back_within = 60.0

    def __init__(self, host: Host) -> None:
        self.host = host
        #: set once the part is broken, which ``strike`` may stay in for ``away`` seconds
        self.broken = Event()

    def check(self) -> None:
        """Raise Skip where it cannot be done here."""

    def strike(self) -> None:
        raise NotImplementedError

    def back(self) -> bool:
        return True

    def undo(self) -> None:
        """Leave nothing broken, whatever happened."""


class KillProgram(Fault):
    """kill -9 of one supervised program, all its processes at once."""

    def __init__(self, host: Host, name: str) -> None:
        super().__init__(host)
        self.name = name
        self._before = Process(0, 0)

    def check(self) -> None:
        if not self.host.program(self.name).alive:
            raise Skip(f"{self.name} is not run by this installation")

    def strike(self) -> None:
        self._before = self.host.program(self.name)
        self._before.kill(group=True)
        gone(self._before)

    def back(self) -> bool:
        now = self.host.program(self.name)
        if now == self._before or not now.alive:
            return False
        address = self.host.address(self.name)
        return not address or answers(f"{address}/healthz")


class KillAttempt(Fault):
    """kill -9 of a runner, or of the program inside its sandbox."""

    def __init__(self, host: Host, name: str, attempt: Callable[[], str]) -> None:
        super().__init__(host)
        self.name = name
        self._attempt = attempt

    def strike(self) -> None:
        attempt = self._attempt()
        find = self.host.runner if self.name == "runner" else self.host.user_process
        until_there = time.monotonic() + THERE_WITHIN
        while not (victim := find(attempt)).alive:
            if time.monotonic() > until_there or self.host.state(attempt).get("phase") == "exited":
                raise Missed(f"the {self.name} was not there to be killed")
            time.sleep(0.02)
        victim.kill()
        gone(victim)


class KillEverything(Fault):
    """kill -9 of ./run, which takes its programs along, and the same command line again."""

    name = "run"
    back_within = 180.0  # a whole start on a busy machine

    def check(self) -> None:
        if not self.host.supervisor.alive:
            raise Skip("./run does not hold this data folder")

    def strike(self) -> None:
        old = self.host.supervisor
        base = Path("/proc", str(old.pid))
        words = [os.fsdecode(word) for word in (base / "cmdline").read_bytes().split(b"\0")[:-1]]
        folder = (base / "cwd").readlink()
        variables = procfs.environment(old.pid)
        argv = [word for word in words if word not in ("--demo", "--exit")]
        self._programs = [self.host.program(name) for name in ("web", "gateway", "worker", "beat")]
        old.kill()
        gone(old)
        with (self.host.var / "log" / "run.log").open("ab") as log:
            subprocess.Popen(
                argv,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def back(self) -> bool:
        names = ("web", "gateway", "worker", "beat")
        now = [self.host.program(name) for name in names]
        return (
            all(process.alive for process in now)
            and not set(now) & set(self._programs)
            and all(answers(f"{self.host.address(name)}/healthz") for name in ("web", "gateway"))
        )


class StopDatabase(Fault):
    """The database away for ten seconds: a server stopped and started, or SQLite's file locked."""

    name = "database"
    away = 10.0

    def __init__(self, host: Host, sqlite: str, stop: str, start: str) -> None:
        super().__init__(host)
        self._sqlite, self._stop, self._start = sqlite, stop, start
        self._stopped = False

    def check(self) -> None:
        if not self._sqlite and not (self._stop and self._start):
            raise Skip("give --database-stop and --database-start with the commands for it")

    def strike(self) -> None:
        if self._sqlite:
            holder = sqlite3.connect(self._sqlite, isolation_level=None, timeout=30)
            try:
                holder.execute("BEGIN IMMEDIATE")
                self.broken.set()
                time.sleep(self.away)
                holder.execute("ROLLBACK")
            finally:
                holder.close()
            return
        self._stopped = True
        command(self._stop)
        self.broken.set()
        time.sleep(self.away)
        self.undo()

    def undo(self) -> None:
        if self._stopped:
            command(self._start)
            self._stopped = False


class FillDisk(Fault):
    """The file system of the data folder full for ten seconds."""

    name = "disk"
    away = 10.0

    @property
    def filler(self) -> Path:
        return self.host.var / "drill-filler"

    def check(self) -> None:
        if not self.host.var.is_mount() or shutil.disk_usage(self.host.var).total > MAX_DISK:
            raise Skip("the data folder is not a small file system of its own")

    def strike(self) -> None:
        until = time.monotonic() + self.away
        try:
            with self.filler.open("wb", buffering=0) as file:
                while time.monotonic() < until:
                    # What others give back meanwhile is taken, too.
                    for size in (1024 * 1024, 4096):
                        with suppress(OSError):
                            while file.write(bytes(size)):
                                pass
                    self.broken.set()
                    time.sleep(0.05)
        finally:
            self.undo()

    def undo(self) -> None:
        self.filler.unlink(missing_ok=True)


class SetClockBack(Fault):
    """All programs' clocks a minute back for ten seconds, then forward again (libfaketime)."""

    name = "clock"
    away = 10.0

    def _file(self) -> Path:
        found = procfs.environment(self.host.supervisor.pid).get("FAKETIME_TIMESTAMP_FILE", "")
        if not found:
            raise Skip("start ./run under libfaketime with FAKETIME_TIMESTAMP_FILE")
        return Path(found)

    def check(self) -> None:
        self._file()

    def strike(self) -> None:
        self._file().write_text(f"{CLOCK_BACK}\n")
        self.broken.set()
        time.sleep(self.away)

    def undo(self) -> None:
        with suppress(Skip):
            self._file().write_text("+0\n")


def gone(process: Process) -> None:
    """Wait until a killed process is out of the table."""
    until = time.monotonic() + GONE_SECONDS
    while process.alive and time.monotonic() < until:
        time.sleep(0.01)


def answers(url: str) -> bool:
    """Whether a GET answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 our own address
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def command(line: str) -> None:
    """Run an operator's command. Raises Skip when it fails."""
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"`{line}` ended {done.returncode}: {done.stderr.strip()[-300:]}")

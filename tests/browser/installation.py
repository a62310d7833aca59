"""A real installation for browsers: ``./run`` on an empty data folder and free ports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.supervisor import procfs

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"Modelyard is ready: (http://\S+)")
STOP_SECONDS = 90
OURS = ("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it answers, where its data lie, where its engines are."""

    url: str
    var: Path
    engines: Path

    def manage(self, *arguments: str) -> str:
        """Output of a command of the operator's shell. Raises CalledProcessError."""
        return subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            env=variables(self.var, self.engines),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout.strip()


def variables(var: Path, engines: Path) -> dict[str, str]:
    """This process's environment without what would point at another installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "MODELYARD_VAR": str(var), "MODELYARD_ENGINES": str(engines)}


@contextmanager
def running(var: Path, engines: Path) -> Iterator[Installation]:
    """Start, wait until it says that it is ready, and stop it. Raises AssertionError with its last
    words when it does not start, and when anything of it outlives it."""
    process = subprocess.Popen(
        [ROOT / "run", "--var", var, "--port", "0", "--gateway-port", "0"],
        env=variables(var, engines),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C at the tests must reach it through us, in order
    )
    assert process.stdout is not None
    said: list[str] = []
    reader = threading.Thread()
    try:
        url = ""
        for line in process.stdout:  # ends with the process, which gives up by itself
            said.append(line)
            if found := READY.search(line):
                url = found[1]
                break
        assert url, "".join(said[-40:])
        # A full pipe would stop the supervisor.
        reader = threading.Thread(target=said.extend, args=(process.stdout,), daemon=True)
        reader.start()
        yield Installation(url, var, engines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)
        reader.join(STOP_SECONDS)
        process.stdout.close()
    assert left_of(var) == [], "".join(said[-40:])


def left_of(var: Path) -> list[str]:
    """Living processes that were started for the data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and procfs.environment(int(entry.name)).get("MODELYARD_VAR") == str(
            var
        ):
            fact = procfs.stat(int(entry.name))
            if fact is not None and fact.state not in "ZX":
                found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
    return found

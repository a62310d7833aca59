"""A real installation on an empty folder and, if asked, an empty PostgreSQL database."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "python_3.11-sklearn-cpu"
OURS = ("MODELYARD_", "DJANGO_", "REDIS_", "DATABASE_")
PLAYED = "the demo ended, exit code 0"
STOP_SECONDS = 120
FLAVOR_MIB = 2048
SPARE = 4  # slots beside the jobs: the demonstration's service, jobs that are just ending


class NotStarted(Exception):
    """The installation did not come up; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class House:
    """Where it answers, where its data lie, which database it uses."""

    url: str
    gateway_url: str
    var: Path
    engines: Path
    database: str  # DATABASE_URL, "" for SQLite
    pid: int  # of the supervisor


@contextmanager
def database(kind: str) -> Iterator[str]:
    """DATABASE_URL of an empty database that is gone afterwards. PostgreSQL is reached as the
    PG... variables say, else on this machine as the present user."""
    if kind == "sqlite":
        yield ""
        return
    name = f"modelyard_load_{os.getpid()}"
    subprocess.run(["createdb", name], check=True)
    try:
        yield f"postgres:///{name}"
    finally:
        subprocess.run(["dropdb", "--force", name], check=True)


@contextmanager
def running(folder: Path, chosen: argparse.Namespace, url: str) -> Iterator[House]:
    """``./run --demo`` until the block ends: the demonstration leaves people, data, a model and a
    service behind. Raises NotStarted."""
    var = folder / "var"
    engines = Path(os.environ.get("MODELYARD_ENGINES") or ROOT / ".cache" / "engines")
    slots = chosen.jobs + SPARE
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    own = {
        "MODELYARD_ENGINES": str(engines),
        "MODELYARD_POOL_CPUS": str(slots),
        "MODELYARD_POOL_MEMORY": f"{slots * FLAVOR_MIB}MiB",
        "DATABASE_URL": url,
    }
    gateway = chosen.port + 1
    argv = ["./run", "--demo", "--var", str(var), "--port", str(chosen.port)]
    process = subprocess.Popen(
        [*argv, "--gateway-port", str(gateway)],
        cwd=ROOT,
        env={**kept, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C must reach it through us, after the people have gone
    )
    assert process.stdout is not None
    said: list[str] = []
    reader = threading.Thread(target=said.extend, args=(process.stdout,), daemon=True)
    try:
        for line in process.stdout:  # ends with the process, which gives up by itself
            said.append(line)
            if PLAYED in line:
                break
        else:
            raise NotStarted("".join(said[-40:]))
        reader.start()  # a full pipe would stop the supervisor
        yield House(
            f"http://127.0.0.1:{chosen.port}",
            f"http://127.0.0.1:{gateway}",
            var,
            engines,
            url,
            process.pid,
        )
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)

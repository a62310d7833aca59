"""A running installation, a user of it, and who of it used the processors."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.installation import free_port, running

ROOT = Path(__file__).resolve().parents[2]
PORTS = range(21100, 21200)
ENGINE = "python_3.11-sklearn-cpu"
PARTS = ("web", "worker", "beat", "broker")
TICKS = os.sysconf("SC_CLK_TCK")
SCRIPT = """import time
now = time.time()
print(f"first line at {now:.6f}", flush=True)
"""


@dataclass(slots=True)
class Job:
    """A submitted job: its id, and the wall clock before and after the POST."""

    id: str
    sent: float
    answered: float


@dataclass(slots=True)
class Place:
    """A running installation and a user of it."""

    var: Path
    python: Path  # the engine's
    script: Path
    api: Any
    bucket: str

    def submit(self, name: str) -> Job:
        order = {
            "name": name,
            "code_bucket": self.bucket,
            "code_prefix": "code/",
            "boot_file": "first.py",
            "engine": ENGINE,
            "outputs": [{"name": "out", "bucket": self.bucket, "prefix": f"out/{name}/"}],
            "max_duration": 300,
        }
        sent = time.time()
        made = self.api.post("/training-jobs", order)
        return Job(made["id"], sent, time.time())

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each part has used so far."""
        children = json.loads((self.var / "run" / "state.json").read_text())["children"]
        pids = {child["name"]: child["pid"] for child in children}
        return {part: cpu_of(pids[part]) for part in PARTS}


def cpu_of(pid: int) -> float:
    """User and system time of a process, of its living children and of those it has buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(cpu_of(int(child)) for child in children)


@contextlib.contextmanager
def platform(engines: Path, database: str) -> Iterator[Place]:
    """Modelyard as ``./run`` starts it, with an account, a developer, an agency and a bucket."""
    web, gateway = free_port(PORTS), free_port(PORTS[50:])
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        os.environ |= {
            "MODELYARD_VAR": folder,
            "MODELYARD_ENGINES": str(engines),
            "DATABASE_URL": database,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            # Room for every job of a burst: the queue for slots is not what is measured.
            "MODELYARD_POOL_CPUS": "10000",
            "MODELYARD_POOL_MEMORY": "20TiB",
        }
        # What the processes write must be as in real use; only the log level is lower.
        options = ["--var", folder, "--port", str(web), "--gateway-port", str(gateway)]
        log = Path(folder).with_suffix(".log")
        try:
            with running([str(ROOT / "run"), *options], lambda: ready(log), log, 240):
                yield furnish(Path(folder), engines, f"http://127.0.0.1:{web}")
        finally:
            log.unlink(missing_ok=True)


def ready(log: Path) -> bool:
    return "Modelyard is ready" in log.read_text()


def furnish(var: Path, engines: Path, url: str) -> Place:
    """People, rights and an agency as the demonstration makes them; a bucket with the script."""
    import django

    django.setup()
    from core.models import Quota
    from demo import keep, people
    from demo.report import Report
    from demo.story import Story

    work = var / "bench"
    work.mkdir()
    script = work / "first.py"
    script.write_text(SCRIPT)
    with (work / "story.txt").open("w") as told, contextlib.redirect_stdout(told):
        story = Story(url, "sklearn", Report(), keep.load(), work)
        people.play(story)
    api = story.developer
    Quota.objects.update_or_create(
        account_id=story.kept.people["owner"].account_id,
        key="training_jobs",
        defaults={"limit": 100_000},
    )
    api.post("/buckets", {"name": "digits-bench"})
    api.put_file("digits-bench", "code/first.py", script)
    return Place(var, engines / ENGINE / "bin" / "python", script, api, "digits-bench")


def machine_cpu() -> float:
    """Busy seconds of all processors since the start of the machine."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICKS

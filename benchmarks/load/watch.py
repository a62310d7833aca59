"""Looks at the installation from outside: memory and processor time by role, and what waits."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import redis
from django.db import connection
from django.db.models import Min
from django.utils import timezone

from benchmarks.load.installation import House
from benchmarks.load.record import LASTING, Sample
from core import reconcile, registry
from core.identity import places
from core.identity.broker_keys import key_prefix
from core.models import OutboxMessage

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024
#: a piece of the command line -> role; the first that fits counts
ROLES = (
    ("postgres:", "postgresql"),
    ("gunicorn", "web"),
    ("serving.gateway", "gateway"),
    (" beat ", "beat"),
    ("celery", "worker"),
    ("valkey", "broker"),
    ("ops.supervisor", "supervisor"),
    ("supervisor/bootstrap", "supervisor"),
    ("compute.runner", "runners"),
    ("modelserver", "model servers"),
)


class Watch:
    """Takes samples; called from a thread, because looking takes a while."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.before: dict[int, float] = {}
        self.busy_before = _busy()
        self.queue = key_prefix((places.read(house.var) or {})["installation"]) + "celery"
        self.broker = redis.Redis.from_url((house.var / "broker" / "url").read_text().strip())

    def sample(self, at: float, jobs: int) -> Sample:
        """Memory, processor time since the sample before, queues."""
        rss: dict[str, float] = defaultdict(float)
        cpu: dict[str, float] = defaultdict(float)
        seen: dict[int, float] = {}
        for pid, role in self._processes().items():
            try:
                fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
                rss[role] += _rss(pid, role)
            except OSError:
                continue  # it has ended meanwhile
            seen[pid] = (int(fields[11]) + int(fields[12])) / TICK
            cpu[role] += max(0.0, seen[pid] - self.before.get(pid, 0.0 if self.before else 1e9))
        self.before = seen
        busy, self.busy_before = _busy() - self.busy_before, _busy()
        return Sample(at, dict(rss), dict(cpu), busy, self.queue(), jobs)

    def _processes(self) -> dict[int, str]:
        """Every process of the installation: those below the supervisor or a runner, those that
        say so by their variables, and the database's own for our database."""
        parents: dict[int, int] = {}
        lines: dict[int, str] = {}
        for entry in PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                lines[int(entry.name)] = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
        name = self.house.database.rpartition("/")[2]
        var = str(self.house.var)
        roots = {self.house.pid}
        roots |= {
            pid for pid, line in lines.items() if "compute.runner" in line and _ours(pid, var)
        }
        found = {}
        for pid, line in lines.items():
            if name and line.startswith("postgres:") and f" {name} " in line:
                found[pid] = "postgresql"
            elif pid in roots or _below(pid, parents, roots):
                role = next((role for piece, role in ROLES if piece in line), "jobs")
                found[pid] = role
        for pid, role in found.items():  # a forked child may carry no line of its own
            if role == "jobs" and found.get(parents[pid]) in LASTING[:5]:
                found[pid] = found[parents[pid]]
        return found

    def queue(self) -> dict[str, float]:
        """Ages in seconds of what waits longest, and how many looks wait in the broker."""
        now = timezone.now()
        try:
            oldest = OutboxMessage.objects.filter(published_at__isnull=True).aggregate(
                at=Min("created_at")
            )["at"]
            late = 0.0
            for label in reconcile.declared():
                model: Any = registry.spec_by_type(label).model
                rows = model.objects.unscoped("age of the queue").exclude(phase__in=model.TERMINAL)
                due = rows.filter(next_look_at__lte=now).aggregate(at=Min("next_look_at"))["at"]
                late = max(late, (now - due).total_seconds() if due else 0.0)
        finally:
            connection.close()  # the next look may come from another thread
        return {
            "oldest unpublished message, s": (now - oldest).total_seconds() if oldest else 0.0,
            "longest overdue look, s": late,
            "looks waiting in the broker": float(self.broker.llen(self.queue)),
        }


def _ours(pid: int, var: str) -> bool:
    try:
        return var in (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False


def _below(pid: int, parents: dict[int, int], roots: set[int]) -> bool:
    for _step in range(20):
        pid = parents.get(pid, 0)
        if pid in roots:
            return True
        if pid <= 1:
            return False
    return False


def _rss(pid: int, role: str) -> float:
    """MiB in memory. PostgreSQL's shared buffers would be counted once per connection: there only
    what is a process's own."""
    if role != "postgresql":
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE / MIB
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _busy() -> float:
    """Processor seconds of the whole machine that were not idle, since it started."""
    fields = [int(x) for x in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def own_cpu() -> float:
    """Processor seconds of the load itself."""
    return time.process_time()

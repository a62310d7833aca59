"""No process without a row, no row without a process: what the host runs against what the database
says, looked at from outside the product's own bookkeeping."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import close_old_connections, connection

from core.models import Event
from ops.drill.processes import Host

#: (model, field that is empty while its process is wanted) of rows that stand for one process
BEARERS = (("training.Attempt", "ended_at"), ("serving.Instance", "ended_at"))
#: what our own processes in an attempt's folder have in their command line
OURS = (b"compute.runner", b"bwrap")


@dataclass(frozen=True, slots=True)
class Seen:
    """Ids of attempts: with an open row, with a slot, with a process; and processes of none."""

    rows: frozenset[str]
    slots: frozenset[str]
    processes: frozenset[str]
    strays: tuple[str, ...] = ()

    def wrong(self) -> list[str]:
        """What does not fit together; empty when all is true."""
        return [
            *(
                f"attempt {id} has a process and no row"
                for id in sorted(self.processes - self.rows)
            ),
            *(
                f"attempt {id} has a row and no process"
                for id in sorted(self.rows - self.processes)
            ),
            *(f"attempt {id} holds a slot and has no row" for id in sorted(self.slots - self.rows)),
            *(f"attempt {id} has a row and no slot" for id in sorted(self.rows - self.slots)),
            *(f"process {text} belongs to no attempt" for text in self.strays),
        ]


def look(host: Host) -> Seen:
    """One look. What is just being started or ended may not fit for a moment."""
    _renew()
    living = host.living()
    return Seen(
        rows=frozenset(_open_rows()),
        slots=frozenset(_ids("compute.Slot", "attempt")),
        processes=frozenset(living),
        strays=tuple(strays(host, living)),
    )


def _renew() -> None:
    """The server may have been away since the last look."""
    if not connection.in_atomic_block:
        close_old_connections()


def _open_rows() -> list[str]:
    return [id for label, empty in BEARERS for id in _ids(label, "pk", **{empty: None})]


def _ids(label: str, column: str, **where: Any) -> list[str]:
    rows = apps.get_model(label)._base_manager.filter(**where)
    return [str(value) for value in rows.values_list(column, flat=True)]


def strays(host: Host, living: set[str]) -> list[str]:
    """Runners and sandboxes of attempts that count as ended, by the process table alone. What runs
    inside a sandbox ends with its first process, which ``Host.living`` looks at."""
    below = os.fsencode(host.var / "work" / "attempts") + b"/"
    groups = {attempt.encode(): attempt for attempt in host.attempts()}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        attempt = _attempt_of(entry, below) or _grouped(entry, groups)
        if attempt and attempt not in living:
            found.append(f"{entry.name} of attempt {attempt}")
    return found


def _attempt_of(entry: Path, below: bytes) -> str:
    try:
        command = (entry / "cmdline").read_bytes()
        texts = [os.fsencode((entry / "cwd").readlink())]
    except OSError:
        return ""
    if any(name in command for name in OURS):
        # A runner may be forked from one that was started for another attempt: what it holds open
        # says whose it is, its lock first of all.
        texts = [*texts, *_opened(entry), command]
    for text in texts:
        if below in text:
            return os.fsdecode(text.partition(below)[2].split(b"/")[0].split(b"\0")[0])
    return ""


def _grouped(entry: Path, groups: dict[bytes, str]) -> str:
    """The attempt by whose control group a process is limited: it may carry no other mark."""
    try:
        lines = (entry / "cgroup").read_bytes().splitlines()
    except OSError:
        return ""
    # Named after the attempt, behind the installation's id: `compute.sandbox.cgroups.group_name`.
    named = (line.rpartition(b"/")[2].rpartition(b".")[2] for line in lines)
    return next((groups[name] for name in named if name in groups), "")


def _opened(entry: Path) -> Iterator[bytes]:
    with suppress(OSError):
        for link in (entry / "fd").iterdir():
            with suppress(OSError):
                yield os.fsencode(link.readlink())


def ends(resource_id: str, terminal: tuple[str, ...]) -> list[str]:
    """The terminal phases an object came to, in order: exactly one is right."""
    _renew()
    rows = Event.objects.filter(resource_id=resource_id, phase_to__in=terminal).order_by("id")
    return [
        phase_to
        for phase_from, phase_to in rows.values_list("phase_from", "phase_to")
        if phase_from != phase_to
    ]


def attempts(job_id: str) -> list[int]:
    """The numbers of a job's attempts, in order."""
    _renew()
    rows = apps.get_model("training.Attempt")._base_manager.filter(job_id=job_id)  # type: ignore[misc]
    return sorted(rows.values_list("number", flat=True))


def outputs(stored: list[dict[str, Any]], wanted: dict[str, str]) -> list[str]:
    """What is missing, too much, different or listed twice, by key and SHA-256."""
    found = {row["key"]: row["sha256"] for row in stored}
    times = Counter(row["key"] for row in stored)
    return [
        *[f"output {key} is missing" for key in sorted(wanted.keys() - found.keys())[:3]],
        *[f"output {key} is too much" for key in sorted(found.keys() - wanted.keys())[:3]],
        *[f"output {key} differs" for key in wanted if found.get(key, wanted[key]) != wanted[key]],
        *[f"output {key} is listed {count} times" for key, count in times.items() if count > 1],
    ]

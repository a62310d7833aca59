"""What one job tells of its way, read from its events and its runner's state."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import time
from collections.abc import Sequence

from .place import Job, Place

FIRST = re.compile(rb"first line at ([0-9.]+)")
STEPS = (
    ("POST answered", "answered"),
    ("queued: Pending", "pending"),
    ("slot won: Running", "running"),
    ("runner asked for", "launched"),
    ("runner up", "runner"),
    ("code fetched", "fetched"),
    ("sandbox up", "sandbox"),
    ("first line", "first"),
    ("platform saw the end", "ended"),
)


def moments(place: Place, job: Job) -> dict[str, float] | None:
    """Seconds after the POST was sent of every step; None while the job is not over."""
    from core.models import Event
    from training.job.models import Attempt

    events = Event.objects.filter(resource_id=job.id).order_by("id")
    at: dict[str, float] = {}
    for event in events:
        at.setdefault(event.phase_to, event.at.timestamp())
    if "Failed" in at or "Terminated" in at:
        raise SystemExit(f"job {job.id} failed: {[event.message for event in events]}")
    if "Completed" not in at:
        return None
    attempt = str(Attempt.objects.get(job_id=job.id).pk)
    folder = place.var / "work" / "attempts" / attempt
    state = json.loads((folder / "state.json").read_text())
    stages = {stage["name"]: stamp(stage["started_at"]) for stage in state["stages"]}
    log = b"".join(path.read_bytes() for path in sorted((folder / "log").iterdir()))
    found = FIRST.search(log)
    if found is None:
        raise SystemExit(f"job {job.id} printed no first line: {log!r}")
    return {
        "answered": job.answered - job.sent,
        "pending": at["Pending"] - job.sent,
        "running": at["Running"] - job.sent,
        "launched": (folder / "launched").stat().st_mtime - job.sent,
        "runner": stamp(state["started_at"]) - job.sent,
        "fetched": stages["starting"] - job.sent,
        "sandbox": stamp(state["running_at"]) - job.sent,
        "first": float(found[1]) - job.sent,
        "ended": at["Completed"] - job.sent,
    }


def over(place: Place, jobs: Sequence[Job], seconds: float) -> list[dict[str, float]]:
    """The moments of all jobs, once all are over."""
    end = time.monotonic() + seconds
    found: dict[str, dict[str, float]] = {}
    while len(found) < len(jobs):
        if time.monotonic() > end:
            raise SystemExit(f"only {len(found)} of {len(jobs)} jobs ended in {seconds:.0f} s")
        time.sleep(0.3)
        for job in jobs:
            if job.id not in found and (told := moments(place, job)):
                found[job.id] = told
    return [found[job.id] for job in jobs]


def bare(place: Place) -> float:
    """Seconds from starting the script without a platform to its first line."""
    started = time.time()
    done = subprocess.run(
        [str(place.python), "-u", str(place.script)], capture_output=True, check=True
    )
    return first_line(done.stdout) - started


def first_line(text: bytes) -> float:
    found = FIRST.search(text)
    if found is None:
        raise SystemExit(f"no first line in {text!r}")
    return float(found[1])


def ms(seconds: Sequence[float], part: int) -> float:
    """The ``part``-th percentile in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, round(part / 100 * (len(ordered) - 1)))] * 1e3


def stamp(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()

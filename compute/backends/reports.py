"""What a runner, or who asked something of it, left in the files of its attempt."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from compute.backends.base import LogChunk, Probed
from compute.runner.layout import Layout
from compute.runner.log import end_offset, read_parts
from compute.runner.state import boot_id, read_state


def stop_reason(layout: Layout) -> dict[str, Any]:
    """Why an attempt was asked to stop, where the asker said so: it explains a runner that is gone
    without a report, too."""
    try:
        order = json.loads(layout.stop.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(order, dict) or not order.get("code"):
        return {}
    return {"reason_code": str(order["code"]), "message": str(order.get("message") or "")}


def stream(directory: Path, offset: int, limit: int, *, final: bool) -> LogChunk:
    """A part of the log, or of another stream kept like it."""
    parts, following = read_parts(directory, offset, limit)
    ended = final and following >= end_offset(directory)
    return LogChunk(b"".join(part.data for part in parts), following, ended, tuple(parts))


def launch_age(layout: Layout) -> float | None:
    """Seconds since the last launch on this boot; infinite for another boot; None for never."""
    try:
        boot, _, moment = (layout.directory / "launched").read_text().partition(" ")
    except OSError:
        return None
    return time.monotonic() - float(moment) if boot == boot_id() else float("inf")


def probed(layout: Layout) -> Probed:
    """What the attempt's server last answered to its runner."""
    health = read_state(layout.health)
    if not health:
        return Probed()
    age = None
    if health.get("boot_id") == boot_id():
        age = max(0.0, time.monotonic() - float(health["monotonic"]))
    return Probed(age, health, read_state(layout.first))

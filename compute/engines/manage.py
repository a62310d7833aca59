"""State of the engines on this host, and the start of a build; what tasks and pages call."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from compute.engines.catalogue import ENGINES
from compute.engines.hold import claim
from compute.runner.state import process_start

SETSID = "/usr/bin/setsid"
PROJECT = Path(__file__).resolve().parents[2]
YOUNG_SECONDS = 3600.0  # since a link was replaced: nothing is removed


@dataclass(frozen=True)
class EngineStatus:
    """phase: absent, building, ready, stale (usable, but its declaration changed), failed.

    path: the real directory to run from, None unless usable. percent and message: of the build.
    manifest: python, packages {name: version}, size_mb, built_at, build_seconds of what is there.
    """

    name: str
    phase: str
    path: Path | None = None
    percent: int = 0
    message: str = ""
    log: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether programs can run in it now (also while a newer one is being built)."""
        return self.path is not None


def status(root: Path, name: str) -> EngineStatus:
    """Look at engine `name` below `root` (VAR_DIR/engines). Raises KeyError for an unknown name."""
    engine = ENGINES[name]
    target = root / name
    manifest = _read(target / "manifest.json")
    path = target.resolve() if manifest else None
    report = _read(root / f"{name}.build.json")
    message = str(report.get("message", ""))
    seen = EngineStatus(
        name, "absent", path, log=str(report.get("log", "")), manifest=manifest, message=message
    )
    building = report.get("phase") not in (None, "done", "failed")
    if building and process_start(int(report["pid"])) == report.get("pid_start"):
        return replace(seen, phase="building", percent=int(report["percent"]))
    if manifest.get("digest") == engine.digest:
        return replace(seen, phase="ready", percent=100)
    if building:
        again = "The build was interrupted. Start it again."
        return replace(seen, phase="failed", message=again)
    if report.get("phase") == "failed" and report.get("digest") == engine.digest:
        return replace(seen, phase="failed")
    if manifest:
        changed = "The engine's declaration changed since this build. Build it again."
        return replace(seen, phase="stale", message=changed)
    return replace(seen, message="Not built yet.")


def launch_build(root: Path, name: str) -> None:
    """Start a build as a process of its own and return at once; a running build is left alone."""
    if name not in ENGINES:
        raise KeyError(name)
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.build.err").open("ab") as errors:
        subprocess.run(
            [
                SETSID,
                "--fork",
                sys.executable,
                "-m",
                "compute.engines.build",
                name,
                str(root / name),
            ],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            check=True,
            timeout=15,
        )


def prune(root: Path, in_use: Collection[Path] = ()) -> list[Path]:
    """Remove old builds that no link points to and no process uses; returns what was removed.

    A process that runs from a build holds it, also in another installation that shares `root`
    (`compute.engines.hold`). Within `YOUNG_SECONDS` after a link was replaced nothing is removed:
    somebody who has just read the link may be about to hold it. `in_use`: builds to keep besides.
    """
    builds = root / ".builds"
    if not builds.is_dir():
        return []
    links = [path for path in root.iterdir() if path.is_symlink()]
    if any(time.time() - link.lstat().st_mtime < YOUNG_SECONDS for link in links):
        return []
    kept = {path.resolve() for path in (*links, *in_use)}
    removed = []
    for directory in sorted(builds.iterdir()):
        if directory.resolve() in kept or _being_built(root, directory):
            continue
        descriptor = claim(directory)
        if descriptor is None:
            continue
        try:
            shutil.rmtree(directory)
        finally:
            os.close(descriptor)
        removed.append(directory)
    return removed


def _being_built(root: Path, directory: Path) -> bool:
    """Whether `directory` may be the temporary directory of a running build."""
    if not directory.name.startswith("."):
        return False
    name = next((name for name in ENGINES if directory.name.startswith(f".{name}-")), "")
    lock = root / f"{name}.build.lock"
    if not name or not lock.exists():
        return False
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}

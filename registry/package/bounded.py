"""The check of a package in a child with a budget: its files are text of a tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, BinaryIO

from core.budget import Exceeded, run_bounded

from .inspect import inspect
from .layout import CONFIG, SERVICE
from .report import Opener, PackageReport, Problem

CPU_SECONDS = 8.0
WALL_SECONDS = 30.0
MEMORY_BYTES = 512 * 1024 * 1024
READ = (CONFIG, SERVICE)  # the files whose bytes are looked at

FIX = {
    CONFIG: "It holds settings only: make it shorter and flatter.",
    SERVICE: "Keep data out of the code: put tables and long expressions into files that it loads.",
}


def inspect_bounded(
    files: Mapping[str, Opener],
    *,
    engine_types: Mapping[str, Collection[str]],
    engine_packages: Mapping[str, Mapping[str, str]] | None = None,
) -> PackageReport:
    """`inspect` in a child. What ends the child is a finding about the file it read.

    An OSError of the store passes through.
    """
    given = {
        "files": {name: (one.size, one.is_link) for name, one in files.items()},
        "engine_types": {name: sorted(engines) for name, engines in engine_types.items()},
        "engine_packages": {name: dict(has) for name, has in (engine_packages or {}).items()},
    }
    try:
        found = run_bounded(
            "registry.package.bounded:look",
            given,
            cpu_seconds=CPU_SECONDS,
            memory_bytes=MEMORY_BYTES,
            wall_seconds=WALL_SECONDS,
            files={name: files[name].open for name in READ if name in files},
        )
    except Exceeded as why:
        report = PackageReport(
            file_count=len(files), total_size=sum(one.size for one in files.values())
        )
        name = why.file or "model"
        report.error(
            "FILE_UNREADABLE",
            name,
            f"`{name}` cannot be read: {why}. The reader has {CPU_SECONDS:g} s of processor time "
            f"and {MEMORY_BYTES // 2**20} MiB of memory.",
            FIX.get(name, "Make the package smaller."),
        )
        return report
    problems = [Problem(**one) for one in found.pop("problems")]
    return PackageReport(problems=problems, **found)


def look(given: dict[str, Any], opened: Mapping[str, Any]) -> dict[str, Any]:
    """The child's side."""
    files = {
        name: Opener(size, opened.get(name, partial(_unread, name)), is_link)
        for name, (size, is_link) in given["files"].items()
    }
    report = inspect(
        files, engine_types=given["engine_types"], engine_packages=given["engine_packages"]
    )
    return asdict(report)


def _unread(name: str) -> BinaryIO:
    raise LookupError(f"{name} is not among the files that are read")

"""Where something lies, so that a copy or a move of it is recognised. Knows nothing of Django."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

MARKER = "installation.json"
"""Name of the marker at the root of a folder that belongs to an installation."""

MARKER_BYTES = 65536
"""More than a marker ever has."""

POSTGRES_KEY = (
    "SELECT s.system_identifier || '.' || d.oid FROM pg_control_system() s, pg_database d"
    " WHERE d.datname = current_database()"
)
"""Query for what tells a database of PostgreSQL from a copy: its cluster's id and its own number
in it, which a dump loaded elsewhere and ``createdb -T`` do not share."""

_MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def host() -> str:
    """An identity of this machine that outlives a boot; "" where the system has none.

    The id itself is confidential (machine-id(5)), so a digest stands for it.
    """
    for name in _MACHINE_IDS:
        try:
            text = Path(name).read_text().strip()
        except OSError:
            continue
        if len(text) == 32:
            return hashlib.sha256(f"modelyard {text}".encode()).hexdigest()[:16]
    return ""


def of_folder(folder: Path) -> dict[str, Any]:
    """Path, device, inode and machine of a folder; path and machine alone where it is not there."""
    found: dict[str, Any] = {"path": os.path.realpath(folder), "host": host()}
    try:
        status = folder.stat()
    except OSError:
        return found
    return {**found, "device": status.st_dev, "inode": status.st_ino}


def same(marked: Any, now: Any) -> bool:
    """Whether a marker was written where it lies now.

    A device's number may change with a boot, so a folder is the same by path, inode and machine.
    A machine without an identity is like any other.
    """
    if not isinstance(marked, dict) or not isinstance(now, dict):
        return bool(marked == now)
    hosts = {marked.get("host"), now.get("host")} - {"", None}
    return (
        len(hosts) <= 1
        and marked.get("path") == now.get("path")
        and marked.get("inode") == now.get("inode")
    )


def moved(marked: Any, now: Any) -> bool:
    """Whether it is for certain the folder itself under another name, and no copy of it."""
    if not isinstance(marked, dict) or not isinstance(now, dict):
        return False
    parts = ("device", "inode", "host")
    return marked.get("inode") is not None and all(marked.get(p) == now.get(p) for p in parts)


def sqlite_key(name: str, var: Path) -> str:
    """What tells a file of SQLite from a copy; "" where it lies in the data folder ``var``."""
    path = Path(os.path.realpath(name))
    if path.is_relative_to(os.path.realpath(var)):
        return ""
    try:
        return f"{path}:{path.stat().st_ino}"
    except OSError:
        return ""


def shown(place: Any) -> str:
    """A place for a sentence."""
    return str(place.get("path", "")) if isinstance(place, dict) else str(place)


def read(folder: Path) -> dict[str, Any] | None:
    """The marker of a folder; None where there is none. Raises OSError."""
    try:
        with (folder / MARKER).open("rb") as file:
            return parsed(file.read(MARKER_BYTES))
    except FileNotFoundError:
        return None


def parsed(text: bytes) -> dict[str, Any]:
    """A marker from its bytes. One that cannot be read has no owner: empty, and never equal to
    another."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write(folder: Path, marker: dict[str, Any]) -> None:
    """Replace the marker of a folder at once."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{MARKER}.{os.getpid()}"
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(marker, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / MARKER)
    except OSError:
        draft.unlink(missing_ok=True)
        raise

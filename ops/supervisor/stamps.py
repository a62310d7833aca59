"""Skipping what an earlier start has already done: one hash per step, of everything it reads."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(parts: Iterable[str]) -> str:
    """One hash over texts; their boundaries count."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part.encode()).digest())
    return total.hexdigest()


def contents(paths: Iterable[Path]) -> str:
    """Hash over names and bytes of small files; order does not matter."""
    known = ((path, path.read_bytes()) for path in sorted(set(paths)))
    return digest(f"{path}:{hashlib.sha256(data).hexdigest()}" for path, data in known)


def listing(folders: Iterable[Path]) -> str:
    """Hash over names, sizes and times of the files below folders, without reading them."""
    facts = []
    for folder in sorted(set(folders)):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                stat = path.stat()
                facts.append(f"{path}:{stat.st_size}:{stat.st_mtime_ns}")
    return digest(facts)


def current(stamp: Path, value: str) -> bool:
    """Whether the step was last done with exactly this."""
    try:
        return stamp.read_text().strip() == value
    except OSError:
        return False


def keep(stamp: Path, value: str) -> None:
    """Note that the step has been done with this."""
    stamp.write_text(value + "\n")

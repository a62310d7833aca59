"""A process that runs from a build holds it against removal: a lock that ends with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(directory: Path) -> int | None:
    """Keep a build until the descriptor is closed, at the latest when this process ends; None where
    there is none or it is just being removed."""
    return _locked(directory, fcntl.LOCK_SH)


def claim(directory: Path) -> int | None:
    """The right to remove a build; None while anybody holds it."""
    return _locked(directory, fcntl.LOCK_EX)


def _locked(directory: Path, how: int) -> int | None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor

"""Walking and removing directories that a hostile program made.

The library's own ways are recursive and hold one descriptor per level: some thousand nested
directories end them with an error, so that nothing would be counted and nothing removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_DEPTH = 200  # levels that are looked at; nothing honest nests as deep
OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TooDeep(Exception):
    """Directories are nested deeper than MAX_DEPTH."""


def entries(top: Path) -> Iterator[os.stat_result]:
    """Status of everything below `top`, links not followed. What vanishes or refuses is left out.

    Raises TooDeep.
    """
    try:
        here = os.open(top, OPEN)
    except OSError:
        return
    open_now = [here]
    listed = [iter(_names(here))]
    try:
        while listed:
            name = next(listed[-1], None)
            if name is None:
                listed.pop()
                os.close(open_now.pop())
                continue
            try:
                status = os.stat(name, dir_fd=open_now[-1], follow_symlinks=False)
            except OSError:
                continue
            yield status
            if stat.S_ISDIR(status.st_mode):
                if len(listed) >= MAX_DEPTH:
                    raise TooDeep
                with contextlib.suppress(OSError):
                    below = os.open(name, OPEN, dir_fd=open_now[-1])
                    open_now.append(below)
                    listed.append(iter(_names(below)))
    finally:
        for descriptor in open_now:
            os.close(descriptor)


def remove(top: Path) -> None:
    """Delete a directory and everything below it, however deep. Raises OSError; a directory that
    is not there is none."""
    empty(top)
    with contextlib.suppress(FileNotFoundError):
        top.rmdir()


def empty(top: Path) -> None:
    """Delete everything below a directory, never following links.

    Nested directories are moved up to the top and emptied there: no path grows long and two
    descriptors are enough. No process of the program may be alive.
    """
    try:
        root = os.open(top, OPEN)
    except FileNotFoundError:
        return
    try:
        number, mark = 0, secrets.token_hex(8)  # a name the program cannot have taken
        while names := os.listdir(root):  # noqa: PTH208 - of a descriptor
            for name in names:
                if _unlinked(name, root):
                    continue
                below = _open(name, root)
                try:
                    for inner in os.listdir(below):  # noqa: PTH208
                        if not _unlinked(inner, below):
                            number += 1
                            free = f".{mark}-{number}"
                            os.rename(inner, free, src_dir_fd=below, dst_dir_fd=root)
                finally:
                    os.close(below)
                os.rmdir(name, dir_fd=root)
    finally:
        os.close(root)


def _names(directory: int) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _unlinked(name: str, directory: int) -> bool:
    """Delete what is no directory; False for a directory, which has to be emptied first."""
    if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return False
    os.unlink(name, dir_fd=directory)
    return True


def _open(name: str, directory: int) -> int:
    # An ordinary user cannot enter a directory of their own that a program closed.
    os.chmod(name, 0o700, dir_fd=directory)
    return os.open(name, OPEN, dir_fd=directory)

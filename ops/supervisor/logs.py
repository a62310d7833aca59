"""Log files of the children: rotation, last lines, following."""

from pathlib import Path

ROTATE_AT = 10 * 1024 * 1024
KEPT = 3


def rotate(path: Path, limit: int = ROTATE_AT, kept: int = KEPT) -> None:
    """Move a file of `limit` bytes or more aside: x.log -> x.log.1 -> ... -> x.log.<kept>.

    Called before a process opens the file; renaming under a writer would leave it writing to the
    old one.
    """
    if not path.exists() or path.stat().st_size < limit:
        return
    for number in range(kept, 0, -1):
        older = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number}"))


def tail(path: Path, lines: int = 15, since: int = 0) -> list[str]:
    """The last lines written after byte `since`."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(since, size - 64 * 1024))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


class Follower:
    """Reads what was added to a file since the last look, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def new_lines(self) -> list[str]:
        """Lines completed since the last call; begins again when the file was rotated."""
        try:
            if self._path.stat().st_size < self._offset:
                self._offset = 0
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                added = stream.read()
        except OSError:
            return []
        complete = added[: added.rfind(b"\n") + 1]
        self._offset += len(complete)
        return complete.decode(errors="replace").splitlines()

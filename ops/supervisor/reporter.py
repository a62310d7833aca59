"""What `./run` says on the terminal: one line per event, with the seconds since its start."""

import sys
import time
from contextlib import suppress
from typing import TextIO

from core.visible import visible_lines


class Reporter:
    """Writes progress lines. A terminal that has gone away must not end the processes, so a
    failing write is dropped; the same facts stand in the log files."""

    def __init__(self, out: TextIO | None = None, since: float | None = None) -> None:
        self._out = out or sys.stdout
        self._since = time.monotonic() if since is None else since

    def say(self, text: str) -> None:
        """One event."""
        self.plain(f"{time.monotonic() - self._since:7.1f} s  {text}")

    def plain(self, text: str) -> None:
        """Text without a time: log lines, the closing address."""
        with suppress(OSError, ValueError):
            self._out.write(visible_lines(text) + "\n")
            self._out.flush()

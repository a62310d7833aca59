"""Threads beside the supervisor: copying output to the log, measuring disk use."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from compute.runner import trees
from compute.runner.log import LogWriter
from compute.runner.masking import Masker

READ_BYTES = 64 * 1024
FIRST_SECONDS = 1.0  # of processor time that copying may take; then a share of the time
SHARE = 0.05
PAUSE = 0.05


class Pump(threading.Thread):
    """Moves bytes from the program's pipe to the log as they come; ends when the pipe closes.

    Copying is paid by the platform, outside the limits of the job: a program that prints faster
    than a share of a processor can copy waits for its own pipe.
    """

    def __init__(self, descriptor: int, log: LogWriter, secrets: Iterable[str] = ()) -> None:
        super().__init__(name="log-pump", daemon=True)
        self._descriptor = descriptor
        self._log = log
        self._masker = Masker(secrets)
        self._ending = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while data := os.read(self._descriptor, READ_BYTES):
                self._log.write(self._masker.pass_on(data))
                while time.thread_time() > FIRST_SECONDS + SHARE * (time.monotonic() - began):
                    if self._ending.wait(PAUSE):
                        break
        self._log.write(self._masker.rest())

    def end(self, seconds: float) -> None:
        """Wait until everything written has arrived."""
        self._ending.set()
        self.join(seconds)
        if not self.is_alive():
            os.close(self._descriptor)


class DiskWatch(threading.Thread):
    """Adds up what lies below directories, again and again; `exceeded` when it passes `limit` bytes
    or `files` entries (0: no limit). A file system has few places for names as well as for bytes.
    """

    def __init__(
        self, directories: list[Path], limit: int, files: int = 0, seconds: float = 1.0
    ) -> None:
        super().__init__(name="disk-watch", daemon=True)
        self._directories = directories
        self._limit = limit
        self._files = files
        self._seconds = seconds
        self._ending = threading.Event()
        self.used = 0
        self.count = 0
        self.exceeded = False
        self.too_many = False
        self.too_deep = False

    def run(self) -> None:
        pause = self._seconds
        while not self._ending.wait(pause):
            began = time.monotonic()
            self.measure()
            # Measuring must stay a small part of the time, however many files there are.
            pause = max(self._seconds, 20 * (time.monotonic() - began))

    def measure(self) -> None:
        """One pass. Blocks on disk count, not apparent sizes: a sparse file costs what it holds."""
        total = count = 0
        try:
            for directory in self._directories:
                for status in trees.entries(directory):
                    total += status.st_blocks * 512
                    count += 1
                    if self._ending.is_set():
                        return
        except trees.TooDeep:
            self.too_deep = True
        self.used, self.count = total, count
        self.too_many = bool(self._files and count > self._files)
        if self.too_deep or self.too_many or (self._limit and total > self._limit):
            self.exceeded = True

    def end(self) -> None:
        """Stop measuring, after one last look: a quick program may be over before the first."""
        self._ending.set()
        if self.is_alive():
            self.join()
        self._ending.clear()
        self.measure()

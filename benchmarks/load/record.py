"""What was asked, how long it took, and what went wrong."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 40
#: lines that the product's logs should not hold after a run in which nothing was broken
BAD_LINE = re.compile(r" (ERROR|CRITICAL) |Traceback \(most recent|database is locked|deadlock")
#: roles that last as long as the installation
LASTING = ("web", "gateway", "worker", "beat", "broker", "supervisor", "model servers")
LOGS = ("web", "gateway", "worker", "beat", "broker")


@dataclass(slots=True)
class Sample:
    """One look at the installation."""

    at: float  # seconds since the start
    rss: dict[str, float]  # MiB by role
    cpu: dict[str, float]  # processor seconds since the look before, by role
    busy: float  # processor seconds of the whole machine since the look before
    queue: dict[str, float]
    jobs: int  # running


@dataclass(slots=True)
class Record:
    """Everything a run found. Latencies are in seconds, by the name of what was asked."""

    #: name -> (seconds since the start, latency)
    taken: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    expected: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)  # of the load's own event loop
    sizes: dict[str, int] = field(default_factory=dict)  # largest answer in bytes
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    #: nothing is counted while the house warms up
    on: bool = False

    @property
    def now(self) -> float:
        return time.perf_counter() - self.began

    def start(self) -> None:
        """From here on everything counts."""
        self.began, self.on = time.perf_counter(), True

    def stop(self) -> None:
        self.seconds, self.on = self.now, False

    def took(self, name: str, seconds: float, size: int = 0) -> None:
        if self.on:
            self.taken.setdefault(name, []).append((self.now, seconds))
            self.sizes[name] = max(size, self.sizes.get(name, 0))

    def wrong(self, what: str) -> None:
        """Something that must not happen. It counts even while the house warms up."""
        self.errors[what] += 1

    def noted(self, what: str) -> None:
        """Something that may happen and should be known."""
        if self.on:
            self.expected[what] += 1

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.took(name, time.perf_counter() - began)

    def read_logs(self, folder: Path) -> None:
        """Errors that the product logged and answered to no caller."""
        for name in LOGS:
            for path in sorted(folder.glob(f"{name}.log*")):
                for line in path.read_text(errors="replace").splitlines():
                    if BAD_LINE.search(line):
                        self.wrong(f"log of {name}: {plain(line)[:200]}")


def plain(text: str) -> str:
    """Without what differs from line to line, so that equal troubles count as one."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", text)
    return re.sub(r"\d{4}-\d\d-\d\d[ T][\d:,.]+", "<time>", text)

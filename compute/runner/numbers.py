"""Numbers in a job's log: ``name=value`` and ``name: value`` pairs become metric points.

The log is text of the program, so the runner reads it, not a worker: linear scanners on lines of
bounded length, in a thread with a budget of processor time. What it finds is a stream of its own
beside the log, one line per point: name, value, step and epoch ("" for none), tabs between them.
"""

from __future__ import annotations

import codecs
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compute.runner.log import PROGRAM, LogWriter, read_parts

#: a number at a place, read forwards: every repetition is bounded and none can take another's part
NUMBER = re.compile(  # house-rule: anchored by match(), bounded, nothing to go back to
    r"(?:[-+]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,4})?|nan|inf)"
)
STEP_NAMES = frozenset({"step", "global_step", "iteration", "iter", "batch"})
EPOCH_NAMES = frozenset({"epoch", "train_epoch"})
#: a line is a metric line when it says where in the run it is, or names one of these
KNOWN = ("loss", "acc", "lr", "auc", "f1", "rmse", "mae", "ppl", "perplexity")
MAX_LINE = 2000  # characters of a line that are looked at
MAX_SIGNS = 100  # "=" and ":" of a line that are looked at
MAX_NAME = 64
MAX_BLANKS = 16  # around the sign
MAX_POINTS = 200_000  # per job
MAX_NAMES = 200  # different names per job
PIECE = 64 * 1024  # bytes read at once
KEPT_BYTES = 128 * 1024 * 1024  # more than all points take
FIRST_SECONDS = 1.0  # of processor time; after them a share of the time the job runs
SHARE = 0.05
LAST_SECONDS = 5.0  # for what is not read when the program has ended
PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Point:
    """A number on a line, with the step and epoch that the same line names."""

    name: str
    value: float
    step: float | None
    epoch: float | None

    def written(self) -> bytes:
        """As a line of the stream."""
        places = ("" if place is None else repr(place) for place in (self.step, self.epoch))
        return "\t".join([self.name, repr(self.value), *places]).encode() + b"\n"


def read_point(line: str) -> Point:
    """The point of a line of the stream."""
    name, value, step, epoch = line.split("\t")
    return Point(name, float(value), *(float(one) if one else None for one in (step, epoch)))


def points(lines: Iterable[str]) -> list[Point]:
    """Metric points of complete log lines. Lines without a step, an epoch or a well-known metric
    name (a table, a traceback) give none; NaN and infinity are left out of plots."""
    found: list[Point] = []
    for line in lines:
        if "=" not in line and ":" not in line:
            continue  # most lines of a flood
        pairs = list(_pairs(line[:MAX_LINE]))
        if not pairs:
            continue
        places = [(n.lower(), v) for n, v in pairs if math.isfinite(v)]  # JSON knows no infinity
        step = next((v for n, v in places if n in STEP_NAMES), None)
        epoch = next((v for n, v in places if n in EPOCH_NAMES), None)
        placed = step is not None or epoch is not None
        for name, value in pairs:
            if name.lower() in STEP_NAMES or name.lower() in EPOCH_NAMES:
                continue
            if not math.isfinite(value) or not (placed or known(name)):
                continue
            found.append(Point(name, value, step, epoch))
    return found


def known(name: str) -> bool:
    """Whether a part of the name begins like a well-known metric."""
    return any(part.startswith(KNOWN) for part in words(name))


def words(name: str) -> list[str]:
    """`train/val_loss` -> train, val, loss."""
    for sign in "/.-":
        name = name.replace(sign, "_")
    return name.lower().split("_")


def _pairs(line: str) -> Iterator[tuple[str, float]]:
    at = 0  # what stands before belongs to the pair before
    for _sign in range(MAX_SIGNS):
        sign = min((i for i in (line.find("=", at), line.find(":", at)) if i >= 0), default=-1)
        if sign < 0:
            return
        name = _name_before(line, at, sign)
        at = sign + 1
        if not name:
            continue
        start = _skip(line, sign + 1, MAX_BLANKS)
        number = NUMBER.match(line, start)
        if number is None:
            continue
        end = number.end()
        after = end + (line[end : end + 1].isspace() and line[end + 1 : end + 2] == "%")
        percent = line[after : after + 1] == "%"
        follows = line[after + 1 : after + 2] if percent else line[end : end + 1]
        if follows == "." or _in_name(follows, "_"):
            continue
        yield name, float(number[0]) / (100 if percent else 1)
        at = end


def _name_before(line: str, least: int, sign: int) -> str:
    """The name that ends at a sign, blanks between them left out; "" where none does."""
    end = sign
    while end > max(least, sign - MAX_BLANKS) and line[end - 1].isspace():
        end -= 1
    start = end
    while start > max(least, end - MAX_NAME) and _in_name(line[start - 1], "_/.-"):
        start -= 1
    while start < end and not (line[start].isascii() and line[start].isalpha()):
        start += 1
    return line[start:end]


def _in_name(one: str, beside: str) -> bool:
    return bool(one) and (one.isalnum() or one in beside)


def _skip(line: str, at: int, most: int) -> int:
    end = at
    while end < at + most and line[end : end + 1].isspace():
        end += 1
    return end


class Numbers(threading.Thread):
    """Reads the log as it grows and writes the points beside it, within its budget."""

    def __init__(self, log: Path, out: Path) -> None:
        super().__init__(name="numbers", daemon=True)
        self._log = log
        self._out = LogWriter(out, KEPT_BYTES)
        self._born = time.monotonic()
        self._ending = threading.Event()
        self._offset = 0
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._names: set[str] = set()
        self._count = 0
        self._used = 0.0  # seconds of processor time
        self._last: float | None = None  # what was used when the program had ended

    def run(self) -> None:
        while not self._ending.wait(PAUSE):
            while not self._ending.is_set() and self._may_read() and self._piece():
                pass

    def end(self) -> None:
        """Stop reading along; `finish` reads the rest."""
        self._ending.set()
        if self.is_alive():
            self.join()

    def finish(self) -> bool:
        """Read what is left, a second of it at once; True when nothing is left, or no budget, and
        everything is on the disk. For a thread that was never started there is nothing."""
        if self.ident is None:
            return True
        self._last = self._used if self._last is None else self._last
        until = min(self._used + 1.0, self._last + LAST_SECONDS)
        while more := self._used < until and self._piece():
            pass
        done = not more and (self._used < until or self._used >= self._last + LAST_SECONDS)
        if done and self._rest:
            self._keep([self._rest])
            self._rest = ""
        return done and self._out.flush()

    def _may_read(self) -> bool:
        return self._used < FIRST_SECONDS + SHARE * (time.monotonic() - self._born)

    def _piece(self) -> bool:
        """Read one piece; False where there is nothing new."""
        began = time.thread_time()
        parts, following = read_parts(self._log, self._offset, PIECE)
        moved, self._offset = following > self._offset, following
        if self._count < MAX_POINTS:
            for kind, data in parts:
                if kind == PROGRAM:
                    *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
                    self._rest = self._rest[:MAX_LINE]
                    self._keep(lines)
        self._used += time.thread_time() - began
        return moved

    def _keep(self, lines: list[str]) -> None:
        found = []
        for point in points(lines):
            if self._count >= MAX_POINTS:
                break
            if point.name not in self._names:
                if len(self._names) >= MAX_NAMES:
                    continue
                self._names.add(point.name)
            self._count += 1
            found.append(point.written())
        if found:
            self._out.write(b"".join(found))

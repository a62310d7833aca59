"""Numbers in a job's log: ``name=value``, ``name: value`` and ``name is value`` become points.

``9834/10000 (98%)`` and ``9834 / 10000 98%`` are a share, 0.9834. ``Epoch: 3 [12800/60000`` places
a line within its epoch; lines after it that name no place of their own (the test of that epoch)
stand at the same place. ``train loss`` and ``val loss`` are two metrics.

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
SIGNS = ("=", ":", " is ")
STEP_NAMES = frozenset({"step", "global_step", "iteration", "iter", "batch"})
EPOCH_NAMES = frozenset({"epoch", "train_epoch"})
#: a line is a metric line when it says where in the run it is, or names one of these
KNOWN = ("loss", "acc", "lr", "auc", "f1", "rmse", "mae", "ppl", "perplexity")
#: words before a name that tell which data it was measured on
SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "eval"})
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


@dataclass(slots=True)
class Reader:
    """Reads lines in their order. ``within``: (step, epoch) of the last line that was placed by
    ``[n/N`` within an epoch, until a line is placed in another way."""

    within: tuple[float, float] | None = None

    def points(self, lines: Iterable[str]) -> list[Point]:
        """Metric points of complete log lines. Lines without a step, an epoch or a well-known
        metric name (a table, a traceback) give none; NaN and infinity are left out of plots."""
        found: list[Point] = []
        for line in lines:
            if "=" not in line and ":" not in line and " is " not in line:
                continue  # most lines of a flood
            found += self._line(line[:MAX_LINE])
        return found

    def _line(self, line: str) -> Iterator[Point]:
        pairs = list(_pairs(line))
        # JSON knows no infinity
        places = [(n.lower(), v, at) for n, v, at in pairs if math.isfinite(v)]
        step = next((v for n, v, _at in places if n in STEP_NAMES), None)
        epoch, end = next(((v, at) for n, v, at in places if n in EPOCH_NAMES), (None, 0))
        placed = step is not None or epoch is not None
        if placed:
            self.within = None
        if epoch is not None and step is None and (share := _progress(line, end)):
            step = epoch * share[1] + share[0]
            self.within = step, epoch
        for name, value, _at in pairs:
            if name.lower() in STEP_NAMES or name.lower() in EPOCH_NAMES:
                continue
            if not math.isfinite(value) or not (placed or known(name)):
                continue
            if not placed and self.within:
                step, epoch = self.within
            yield Point(name, value, step, epoch)


def points(lines: Iterable[str]) -> list[Point]:
    """Points of a log that begins with these lines."""
    return Reader().points(lines)


def known(name: str) -> bool:
    """Whether a part of the name begins like a well-known metric."""
    return any(part.startswith(KNOWN) for part in words(name))


def words(name: str) -> list[str]:
    """`train/val_loss` -> train, val, loss."""
    for sign in "/.-":
        name = name.replace(sign, "_")
    return name.lower().split("_")


def _pairs(line: str) -> Iterator[tuple[str, float, int]]:
    """Name, value and the place after the value of every pair."""
    at = 0  # what stands before belongs to the pair before
    signs = {sign: line.find(sign) for sign in SIGNS}
    for _sign in range(MAX_SIGNS):
        for text, place in signs.items():
            if 0 <= place < at:
                signs[text] = line.find(text, at)
        place, text = min(((i, s) for s, i in signs.items() if i >= 0), default=(-1, ""))
        if place < 0:
            return
        name = _name_before(line, at, place)
        at = place + len(text)
        if not name or (text == " is " and not known(name)):
            continue
        number = NUMBER.match(line, _skip(line, at, MAX_BLANKS))
        if number is None:
            continue
        end = number.end()
        if share := _share(line, number):
            value, at = share
            yield name, value, at
            continue
        after = end + (line[end : end + 1].isspace() and line[end + 1 : end + 2] == "%")
        percent = line[after : after + 1] == "%"
        follows = line[after + 1 : after + 2] if percent else line[end : end + 1]
        if follows == "." or _in_name(follows, "_"):
            continue
        yield name, float(number[0]) / (100 if percent else 1), end
        at = end


def _share(line: str, number: re.Match[str]) -> tuple[float, int] | None:
    """``a/b (p%)`` or ``a / b p%`` as a share of 1, and where it ends. It is a/b where the
    percentage is that number, rounded; else what is printed, p/100."""
    whole = _whole(line, number.end())
    if whole is None:
        return None
    b, at = whole
    at = _skip(line, at, MAX_BLANKS)
    at += line[at : at + 1] in ("(", "[")
    percent = NUMBER.match(line, at)
    if percent is None:
        return None
    end = _skip(line, percent.end(), MAX_BLANKS)
    if line[end : end + 1] != "%":
        return None
    a, p = float(number[0]), float(percent[0])
    exact = b > 0 and abs(100 * a / b - p) <= 1
    return (a / b if exact else p / 100), end + 1


def _progress(line: str, at: int) -> tuple[float, float] | None:
    """(n, N) of ``[n/N`` or ``[n / N`` that follows at a place; None where none does."""
    at = _skip(line, at, MAX_BLANKS)
    number = NUMBER.match(line, at + 1) if line[at : at + 1] in ("[", "(") else None
    whole = _whole(line, number.end()) if number else None
    if number is None or whole is None or not 0 <= float(number[0]) <= whole[0] < math.inf:
        return None
    return float(number[0]), whole[0]


def _whole(line: str, at: int) -> tuple[float, int] | None:
    """The number after a slash, and where it ends."""
    at = _skip(line, at, MAX_BLANKS)
    if line[at : at + 1] != "/":
        return None
    number = NUMBER.match(line, _skip(line, at + 1, MAX_BLANKS))
    return (float(number[0]), number.end()) if number else None


def _name_before(line: str, least: int, sign: int) -> str:
    """The name that ends at a sign, blanks and quotes between them left out; "" where none does.
    A word for the data before a metric's name belongs to it: ``val loss`` is ``val_loss``."""
    end = _back(line, least, sign)
    if end > least and line[end - 1] in "'\"":
        end -= 1
    start = _name_start(line, least, end)
    name = line[start:end]
    if start < end and known(name):
        before = _back(line, least, start)
        split = line[_name_start(line, least, before) : before]
        if before < start and split.lower() in SPLITS:
            return f"{split}_{name}"[:MAX_NAME]
    return name


def _back(line: str, least: int, at: int) -> int:
    end = at
    while end > max(least, at - MAX_BLANKS) and line[end - 1].isspace():
        end -= 1
    return end


def _name_start(line: str, least: int, end: int) -> int:
    start = end
    while start > max(least, end - MAX_NAME) and _in_name(line[start - 1], "_/.-"):
        start -= 1
    while start < end and not (line[start].isascii() and line[start].isalpha()):
        start += 1
    return start


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
        self._reader = Reader()
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
        for point in self._reader.points(lines):
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

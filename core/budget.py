"""Reading what a tenant wrote, in a child process with a budget.

A parser's cost is chosen by the author of its input: a syntax tree takes a hundred times the bytes
of its source, a parser may recurse until it crashes, and Python cannot interrupt either. So files
of tenants are read by `run_bounded`: in a process of its own, with so much processor time, memory
and time, whose answer comes back as JSON of bounded length. Whatever ends that process is an
answer, too: `Exceeded`, which callers turn into a finding about the file.

The child is a fresh interpreter without the platform's packages, settings and secrets (about 40 ms
of processor time). It opens no file itself: it asks its parent, which reads and sends bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

from core.said import noop as _
from core.said import sayer

log = logging.getLogger("modelyard.budget")

PROJECT = Path(__file__).resolve().parents[1]
ANSWER_BYTES = 8 * 1024 * 1024
READ_BYTES = 1024 * 1024  # the most that a child gets at once
TICK_SECONDS = 0.2
PATIENT = 10  # nice value, see nice(2): about a ninth of the time of a process that is not
LATE_SECONDS = 2.0  # a child ends itself at its time; this much later it is killed

#: why a child gave no answer
SENTENCES = {
    "BUDGET_CPU": _("it takes too much processor time"),
    "BUDGET_TIME": _("it takes too long"),
    "BUDGET_MEMORY": _("it takes too much memory"),
    "BUDGET_DEPTH": _("it is nested too deeply"),
    "BUDGET_CRASHED": _("it crashes the reader"),
    "BUDGET_FAILED": _("the reader cannot make sense of it"),
    "BUDGET_ANSWER": _("there is too much to tell about it"),
}
say = sayer("core", SENTENCES)
SIGNALS = {
    signal.SIGXCPU: "CPU",
    signal.SIGPROF: "CPU",
    signal.SIGALRM: "TIME",
    signal.SIGKILL: "MEMORY",  # the kernel's choice when memory is short
}


class Exceeded(Exception):
    """A child gave no answer. ``said``: why, after a colon; ``code``: the same as a word of
    SENTENCES; ``file``: what it read last, or ""."""

    def __init__(self, code: str, file: str = "") -> None:
        self.said = say(f"BUDGET_{code}")
        super().__init__(self.said)
        self.code = code
        self.file = file


def run_bounded(
    name: str,
    given: Any,
    *,
    cpu_seconds: float,
    memory_bytes: int,
    wall_seconds: float,
    files: Mapping[str, Callable[[], BinaryIO]] | None = None,
    tick: Callable[[], None] | None = None,
    patient: bool = False,
) -> Any:
    """What the function ``name`` ("package.module:function") answers to ``given``, as JSON.

    With ``files`` (name -> how to open it) it is called with ``given`` and a mapping of the same
    names to callables that open them for reading forwards. ``tick`` is called about five times a
    second meanwhile, and may raise to give up. ``patient``: others of this host come first, because
    no request waits for the answer.

    Raises Exceeded, what opening or reading a file raises, and what ``tick`` raises; the child is
    gone then.
    """
    head = {"files": None if files is None else sorted(files), "given": given}
    limits = (cpu_seconds, memory_bytes, wall_seconds, PATIENT if patient else 0)
    child = subprocess.Popen(
        [sys.executable, "-E", "-s", "-S", "-m", "core.budget", name, *map(str, limits)],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _Parent(child, files or {}, tick, wall_seconds + LATE_SECONDS).talk(name, head)
    finally:
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()


class _Parent:
    """The side that asked: answers requests for bytes until the child has its answer."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        files: Mapping[str, Callable[[], BinaryIO]],
        tick: Callable[[], None] | None,
        seconds: float,
    ) -> None:
        self._child = child
        self._files = files
        self._tick = tick
        self._until = time.monotonic() + seconds
        self._open: dict[int, BinaryIO] = {}
        self._last = ""
        self._said = bytearray()

    def talk(self, name: str, head: dict[str, Any]) -> Any:
        """Put the question, serve bytes, and return the answer."""
        try:
            self._send(json.dumps(head).encode() + b"\n")
            while True:
                asked = self._receive()
                if "value" in asked:
                    return asked["value"]
                if "failed" in asked:
                    if asked["failed"] == "FAILED":
                        log.error("%s failed on %r: %s", name, self._last, asked["text"])
                    raise Exceeded(asked["failed"], self._last)
                self._serve(asked)
        finally:
            for stream in self._open.values():
                stream.close()

    def _serve(self, asked: dict[str, Any]) -> None:
        if "open" in asked:
            self._last = asked["open"]
            self._open[asked["id"]] = self._files[asked["open"]]()
            return
        if "close" in asked:
            self._open.pop(asked["close"]).close()
            return
        data = self._open[asked["id"]].read(min(int(asked["read"]), READ_BYTES))
        self._send(len(data).to_bytes(4, "big") + data)

    def _send(self, data: bytes) -> None:
        pipe = self._child.stdin
        assert pipe is not None  # asked for above
        try:
            pipe.write(data)
            pipe.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def _receive(self) -> dict[str, Any]:
        """The next line of the child."""
        pipe = self._child.stdout
        assert pipe is not None  # asked for above
        seen = 0
        while (end := self._said.find(b"\n", seen)) < 0:
            seen = len(self._said)
            if self._tick is not None:
                self._tick()
            if time.monotonic() > self._until:
                raise Exceeded("TIME", self._last)
            if not select.select([pipe], [], [], TICK_SECONDS)[0]:
                continue
            piece = os.read(pipe.fileno(), 65536)
            if not piece:
                raise self._gone()
            self._said += piece
            if len(self._said) > ANSWER_BYTES:
                raise Exceeded("ANSWER", self._last)
        line = bytes(self._said[:end])
        del self._said[: end + 1]
        try:
            found: dict[str, Any] = json.loads(line)
        except RecursionError:
            raise Exceeded("DEPTH", self._last) from None
        return found

    def _gone(self) -> Exceeded:
        code = self._child.wait()
        return Exceeded(SIGNALS.get(-code, "CRASHED"), self._last)  # type: ignore[call-overload]


# -- the child -----------------------------------------------------------------------------------


class _Asked(io.RawIOBase):
    """A file as the child sees it: every read is a question to its parent."""

    def __init__(self, number: int, wire: _Wire) -> None:
        self._number = number
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._wire.read(self._number, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._wire.tell({"close": self._number})
        super().close()


class _Wire:
    """The child's two pipes."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._count = 0

    def head(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._source.readline())
        return found

    def tell(self, words: dict[str, Any]) -> None:
        self._sink.write(json.dumps(words).encode() + b"\n")
        self._sink.flush()

    def open(self, name: str) -> BinaryIO:
        self._count += 1
        self.tell({"open": name, "id": self._count})
        return io.BufferedReader(_Asked(self._count, self), 256 * 1024)

    def read(self, number: int, size: int) -> bytes:
        self.tell({"read": size, "id": number})
        length = int.from_bytes(self._source.read(4), "big")
        return self._source.read(length)


def _limit(cpu: float, memory: int, wall: float) -> None:
    """Bound this process. Signals without a handler end it, whatever it is doing."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = math.ceil(cpu) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    signal.setitimer(signal.ITIMER_PROF, cpu)
    signal.setitimer(signal.ITIMER_REAL, wall)
    with contextlib.suppress(OSError):  # the first to go when the machine's memory is short
        Path("/proc/self/oom_score_adj").write_text("1000")


def main(name: str, cpu: float, memory: int, wall: float, nice: int) -> int:
    """Read the question from standard input, answer on standard output."""
    os.nice(nice)
    _limit(cpu, memory, wall)
    wire = _Wire(sys.stdin.buffer, sys.stdout.buffer)
    try:
        head = wire.head()
        module, _, function = name.partition(":")
        call = getattr(importlib.import_module(module), function)
        if head["files"] is None:
            value = call(head["given"])
        else:
            value = call(head["given"], {one: partial(wire.open, one) for one in head["files"]})
        text = json.dumps({"value": value})
    except MemoryError:
        text = '{"failed": "MEMORY"}'
    except RecursionError:
        text = '{"failed": "DEPTH"}'
    except Exception as error:  # noqa: BLE001 - told to the parent, which logs it
        text = json.dumps({"failed": "FAILED", "text": f"{type(error).__name__}: {error}"[:500]})
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    limits = float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    sys.exit(main(sys.argv[1], *limits))

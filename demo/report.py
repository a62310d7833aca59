"""What the terminal shows: steps with their time, and the table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.visible import visible_lines

INDENT = " " * 11


@dataclass(slots=True)
class Step:
    """One step of the story and how it went."""

    number: int
    title: str
    seconds: float = 0.0
    done: bool = False
    result: str = ""


class Report:
    """Prints as things happen; keeps the steps for the table."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.steps: list[Step] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """One step; it counts as done only when its block ends without an error."""
        step = Step(len(self.steps) + 1, title)
        self.steps.append(step)
        begin = time.monotonic()
        self.line(f"[{begin - self._started:6.1f} s] {step.number}. {title}")
        try:
            yield step
            step.done = True
        finally:
            step.seconds = time.monotonic() - begin

    def say(self, text: str) -> None:
        """A result inside the present step."""
        for line in text.splitlines():
            self.line(f"{INDENT}{line}")

    def see(self, url: str) -> None:
        """Where the result can be looked at."""
        self.say(f"see {url}")

    @staticmethod
    def line(text: str = "") -> None:
        print(visible_lines(text), flush=True)

    @staticmethod
    def problem(text: str) -> None:
        print(visible_lines(text), file=sys.stderr, flush=True)

    def table(self) -> None:
        """Every step with its seconds."""
        self.line()
        width = max((len(step.title) for step in self.steps), default=10)
        for step in self.steps:
            mark = "ok    " if step.done else "FAILED"
            row = f"{mark} {step.number:2}. {step.title:<{width}} {step.seconds:7.1f} s"
            self.line(f"{row}  {step.result}".rstrip())
        total = sum(step.seconds for step in self.steps)
        self.line(f"{'':6}     {'all steps':<{width}} {total:7.1f} s")

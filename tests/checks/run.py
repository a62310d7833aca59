"""The steps of one ./test: what they say on the terminal, what came of them, the closing lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.checks import seconds

ROOT = Path(__file__).resolve().parents[2]
NO_TESTS = 5  # pytest.ExitCode.NO_TESTS_COLLECTED
CLOSING = re.compile(r"\b(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|warnings?)\b")
ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "error", "warning")
RULER = "=" * 78


class Run:
    """Steps may run beside each other: what one says is shown as a whole, when it has ended. Only
    the lines of a ``live`` one are shown as they come."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.results: list[tuple[str, str, float]] = []
        self.counts: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()  # file or file::Class of tests -> seconds
        self.broken_off = False
        self._tests_began: float | None = None
        self._tests_ended = 0.0
        self._terminal = threading.RLock()

    @property
    def failed(self) -> bool:
        return any(outcome.startswith("FAILED") for _, outcome, _ in self.results)

    def step(self, title: str, argv: Sequence[str | Path], **variables: str) -> bool:
        """Run a command; whether it ended well."""
        began = time.monotonic()
        try:
            code, text = self._command(argv, variables, live=False)
            outcome = "ok" if code == 0 else f"FAILED (exit code {code})"
        except FileNotFoundError as problem:
            text, outcome = "", f"FAILED ({problem})"
        self._ended(title, outcome, began, text)
        return outcome == "ok"

    def pytest(
        self,
        title: str,
        arguments: Sequence[str],
        *,
        may_be_empty: bool,
        live: bool = True,
        **variables: str,
    ) -> None:
        """Run pytest, add up its closing line and the seconds of its tests.

        Finding no test at all is a failure unless the arguments may have chosen none on purpose: a
        step whose tests have gone missing must not look like one that passed.
        """
        began = time.monotonic()
        if self._tests_began is None:
            self._tests_began = began
        if live:
            self._say(_heading(title))
        taken = self.folder / f"seconds-{len(self.results)}-{title}.json"
        code, text = self._command(
            [sys.executable, "-m", "pytest", "-p", "tests.checks.seconds", *arguments],
            {"PYTHONUNBUFFERED": "1", seconds.VARIABLE: str(taken), **variables},
            live=live,
        )
        lines = [line for line in text.splitlines() if CLOSING.search(line)]
        closing = [line for line in lines if re.search(r" in [\d.]+s", line)]
        with self._terminal:
            for number, word in CLOSING.findall(closing[-1]) if closing else ():
                word = {"errors": "error", "warnings": "warning"}.get(word, word)
                self.counts[word] += int(number)
            self.taken.update(seconds.read(taken))
        if code == NO_TESTS and may_be_empty:
            outcome = "ok (no test chosen)"
        elif code == NO_TESTS:
            outcome = "FAILED (there is no such test)"
        else:
            outcome = "ok" if code == 0 else f"FAILED (exit code {code})"
        self._ended(title, outcome, began, None if live else text)
        self._tests_ended = time.monotonic()

    def skip(self, title: str, reason: str, *, failure: bool) -> None:
        """Say loudly that a step cannot run."""
        outcome = f"FAILED ({reason})" if failure else f"SKIPPED ({reason})"
        self._ended(title, outcome, time.monotonic(), f"*** SKIPPED: {reason} ***\n")

    def close(self) -> int:
        """The tables of steps and of seconds, then pytest's closing line; the exit code."""
        self._say(f"\n{RULER}\n")
        for title, outcome, took in self.results:
            self._say(f"{took:7.1f} s  {title:<34} {outcome}\n")
        if self.taken:
            load = os.getloadavg()[0]
            self._say(f"\nSeconds of tests, and their budgets; load of the machine {load:.1f}\n")
            limits = seconds.budgets(seconds.BUDGETS.read_text())
            for line in seconds.table(self.taken, limits):
                self._say(f"{line}\n")
        words = [f"{self.counts[w]} {w}" for w in ORDER if self.counts[w]] or ["no tests ran"]
        took = self._tests_ended - self._tests_began if self._tests_began else 0.0
        self._say(f"{', '.join(words)} in {took:.2f}s\n")
        return 1 if self.failed else 0

    def _command(
        self, argv: Sequence[str | Path], variables: dict[str, str], *, live: bool
    ) -> tuple[int, str]:
        """Exit code and output. Raises FileNotFoundError."""
        if self.broken_off:
            return 130, ""
        said: list[str] = []
        with subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                said.append(line)
                if live:
                    self._say(line)
        return process.returncode, "".join(said)

    def _ended(self, title: str, outcome: str, began: float, text: str | None) -> None:
        """Note a step. ``text`` is what it said, None where that was shown already."""
        took = time.monotonic() - began
        shown = "" if text is None else f"{_heading(title)}{text}"
        with self._terminal:
            self.results.append((title, outcome, took))
            self._say(f"{shown}-- {title}: {outcome}, {took:.1f} s\n")

    def _say(self, text: str) -> None:
        with self._terminal:
            sys.stdout.write(text)
            sys.stdout.flush()


def _heading(title: str) -> str:
    return f"\n{RULER}\n{title}\n{RULER}\n"

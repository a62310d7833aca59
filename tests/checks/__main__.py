"""Runs every check in order, even after one has failed, and ends with pytest's closing line."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.checks import services

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NO_TESTS = 5  # pytest.ExitCode.NO_TESTS_COLLECTED
WHOLE = "story or browser"  # tests of whole installations
CLOSING = re.compile(r"\b(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|warnings?)\b")
RULER = "=" * 78


class Run:
    """The steps of one ./test and what came of them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.results: list[tuple[str, str, float]] = []
        self.counts: Counter[str] = Counter()
        self.test_seconds = 0.0

    @property
    def failed(self) -> bool:
        return any(outcome.startswith("FAILED") for _, outcome, _ in self.results)

    def step(self, title: str, argv: Sequence[str | Path], **variables: str) -> None:
        """Run a command with its output on the terminal."""
        self._heading(title)
        began = time.monotonic()
        try:
            done = subprocess.run(argv, cwd=ROOT, env={**self.environment, **variables})
            outcome = "ok" if done.returncode == 0 else f"FAILED (exit code {done.returncode})"
        except FileNotFoundError as problem:
            outcome = f"FAILED ({problem})"
        self._note(title, outcome, began)

    def pytest(
        self, title: str, arguments: Sequence[str], *, may_be_empty: bool, **variables: str
    ) -> None:
        """Run pytest, show what it says and add up its closing line.

        Finding no test at all is a failure unless the arguments may have chosen none on purpose: a
        step whose tests have gone missing must not look like one that passed.
        """
        self._heading(title)
        began = time.monotonic()
        closing = ""
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT,
            env={**self.environment, "PYTHONUNBUFFERED": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                sys.stdout.write(line)
                sys.stdout.flush()
                if CLOSING.search(line) and re.search(r" in [\d.]+s", line):
                    closing = line
        code = process.returncode
        for number, word in CLOSING.findall(closing):
            self.counts[{"errors": "error", "warnings": "warning"}.get(word, word)] += int(number)
        self.test_seconds += time.monotonic() - began
        if code == NO_TESTS and may_be_empty:
            outcome = "ok (no test chosen)"
        elif code == NO_TESTS:
            outcome = "FAILED (there is no such test)"
        else:
            outcome = "ok" if code == 0 else f"FAILED (exit code {code})"
        self._note(title, outcome, began)

    def skip(self, title: str, reason: str, *, failure: bool) -> None:
        """Say loudly that a step cannot run."""
        self._heading(title)
        sys.stdout.write(f"*** SKIPPED: {reason} ***\n")
        outcome = f"FAILED ({reason})" if failure else f"SKIPPED ({reason})"
        self._note(title, outcome, time.monotonic())

    def close(self) -> int:
        """The table of steps, then pytest's closing line as the very last; the exit code."""
        sys.stdout.write(f"\n{RULER}\n")
        for title, outcome, seconds in self.results:
            sys.stdout.write(f"{seconds:7.1f} s  {title:<34} {outcome}\n")
        words = [f"{self.counts[w]} {w}" for w in ORDER if self.counts[w]] or ["no tests ran"]
        sys.stdout.write(f"{', '.join(words)} in {self.test_seconds:.2f}s\n")
        return 1 if self.failed else 0

    def _heading(self, title: str) -> None:
        sys.stdout.write(f"\n{RULER}\n{title}\n{RULER}\n")
        sys.stdout.flush()

    def _note(self, title: str, outcome: str, began: float) -> None:
        seconds = time.monotonic() - began
        self.results.append((title, outcome, seconds))
        sys.stdout.write(f"-- {title}: {outcome}, {seconds:.1f} s\n")
        sys.stdout.flush()


ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "error", "warning")


def main() -> int:
    command = argparse.ArgumentParser(
        prog="./test",
        description="Every check of the project. Further arguments go to pytest.",
        allow_abbrev=False,
    )
    command.add_argument(
        "--fast",
        action="store_true",
        help="without slow, story and browser tests and without PostgreSQL",
    )
    options, chosen = command.parse_known_args()
    # Not TMPDIR's mode 0700: sandboxed users of the tests must be able to pass through.
    folder = Path(tempfile.mkdtemp(prefix="modelyard-test-"))
    folder.chmod(0o755)
    try:
        with ExitStack() as stack:
            redis_url = stack.enter_context(services.redis(folder / "redis"))
            environment = {
                **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
                "DJANGO_SETTINGS_MODULE": "console.settings",
                # Never the developer's own data folder.
                "MODELYARD_VAR": str(folder / "var"),
                "REDIS_URL": redis_url,
            }
            (folder / "var").mkdir()
            run = Run(folder, environment)
            static_checks(run)
            tests(run, stack, chosen, fast=options.fast)
            return run.close()
    except services.Unavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def static_checks(run: Run) -> None:
    """Everything that reads the code or only starts Django."""
    manage = [sys.executable, "manage.py"]
    schema = str(run.folder / "openapi.yaml")
    run.step("ruff check", [BIN / "ruff", "check", "."])
    run.step("ruff format --check", [BIN / "ruff", "format", "--check", "."])
    run.step("djlint", [BIN / "djlint", "templates", "--lint", "--quiet"])
    run.step("import-linter", [BIN / "lint-imports"])
    run.step("mypy", [BIN / "mypy"])
    run.step("house rules", [sys.executable, "-m", "tests.checks.house_rules"])
    run.step("django check", [*manage, "check", "--fail-level", "WARNING"])
    run.step("makemigrations --check", [*manage, "makemigrations", "--check", "--dry-run"])
    run.step(
        "openapi",
        [*manage, "spectacular", "--validate", "--fail-on-warn", "--file", schema],
    )


def tests(run: Run, stack: ExitStack, chosen: list[str], *, fast: bool) -> None:
    """pytest on SQLite, then whole installations, then on PostgreSQL."""
    parallel = ["-n", "2", "--dist", "loadfile"]
    empty = bool(chosen)
    slow = " and not slow" if fast else ""
    run.pytest(
        "pytest, SQLite",
        [*parallel, "-m", f"not ({WHOLE}){slow}", *chosen],
        may_be_empty=empty,
    )
    if fast:
        return
    # In one process: the files of the browser's story go on with what the one before has made.
    run.pytest("pytest, story and browser", ["-m", WHOLE, *chosen], may_be_empty=empty)
    title = "pytest, PostgreSQL"
    try:
        url = stack.enter_context(services.postgres(run.folder / "postgres"))
    except services.Unavailable as problem:
        run.skip(title, str(problem), failure=True)
        return
    if url is None:
        reason = "no PostgreSQL: set TEST_DATABASE_URL, or apt-get install postgresql"
        run.skip(title, reason, failure=bool(os.environ.get("CI")))
        return
    run.pytest(
        title,
        [*parallel, "-m", f"not ({WHOLE}) and not slow", *chosen],
        may_be_empty=empty,
        DATABASE_URL=url,
    )


if __name__ == "__main__":
    sys.exit(main())

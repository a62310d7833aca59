"""Runs every check, even after one has failed, and ends with pytest's closing line."""

import argparse
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.checks import javascript, seconds, services
from tests.checks.run import Run

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
WHOLE = "(story or browser)"  # tests of whole installations
# Most tests of processes, services and browsers wait: on two processors four are more than two.
WORKERS = {"SQLite": "3", "PostgreSQL": "1"}


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
    command.add_argument(
        "--full",
        action="store_true",
        help="all tests on PostgreSQL, too, not only those whose outcome the database decides",
    )
    command.add_argument(
        "--record",
        action="store_true",
        help="keep the seconds of every file in tests/seconds.json: the longest are begun first",
    )
    options, chosen = command.parse_known_args()
    if options.fast and (options.full or options.record):
        command.error("--fast leaves tests out: give it without --full and --record")
    # Not TMPDIR's mode 0700: sandboxed users of the tests must be able to pass through.
    folder = Path(tempfile.mkdtemp(prefix="modelyard-test-"))
    folder.chmod(0o755)
    try:
        with ExitStack() as stack:
            redis_url = stack.enter_context(services.redis(folder / "redis"))
            environment = {
                **{k: value for k, value in os.environ.items() if k not in LEFT_OUT},
                # Hundreds of processes of the tests begin twice as fast with compiled modules.
                "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "compiled"),
                "DJANGO_SETTINGS_MODULE": "console.settings",
                # Never the developer's own data folder.
                "MODELYARD_VAR": str(folder / "var"),
                "REDIS_URL": redis_url,
            }
            (folder / "var").mkdir()
            stack.enter_context(services.engines(environment, slow=not options.fast))
            run = Run(folder, environment)
            everything(run, stack, chosen, options)
            if options.record and not run.failed:
                seconds.record(run.taken)
            return run.close()
    except services.Unavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def everything(run: Run, stack: ExitStack, chosen: list[str], options: argparse.Namespace) -> None:
    """Tests on SQLite and of whole installations; beside them what reads the code, then tests on
    PostgreSQL."""
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(_beside, run, stack, chosen, options)
        try:
            slow = ["-m", f"not slow and not {WHOLE}"] if options.fast else []
            run.pytest(
                "pytest, SQLite",
                [*parallel("SQLite"), *slow, *chosen],
                may_be_empty=bool(chosen),
            )
        except BaseException:
            run.broken_off = True
            raise
        beside.result()


def parallel(database: str) -> list[str]:
    return ["-n", WORKERS[database], "--dist", "loadfile"]


def _beside(run: Run, stack: ExitStack, chosen: list[str], options: argparse.Namespace) -> None:
    static_checks(run)
    if not options.fast:
        on_postgresql(run, stack, chosen, full=options.full)


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
    javascript_checks(run)


def javascript_checks(run: Run) -> None:
    """The scripts of the console; what checks them is installed before, where it is not there."""
    install = [sys.executable, "-m", "tests.checks.javascript", "--install"]
    if run.step("packages of JavaScript", install):
        for title, line in javascript.commands():
            run.step(title, line)


def on_postgresql(run: Run, stack: ExitStack, chosen: list[str], *, full: bool) -> None:
    """Tests whose outcome the database decides (tests/databases.py), or all."""
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
    which = "" if full else "postgresql and "
    run.pytest(
        title,
        [*parallel("PostgreSQL"), "-m", f"{which}not slow and not {WHOLE}", *chosen],
        may_be_empty=bool(chosen),
        live=False,
        DATABASE_URL=url,
        PGOPTIONS="-c synchronous_commit=off",  # nothing of it has to outlive the server
    )


if __name__ == "__main__":
    sys.exit(main())

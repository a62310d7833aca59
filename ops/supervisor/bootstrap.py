"""Makes the environment on a machine that has nothing of ours, then becomes the real program.

Run by `./run` and `./test` with the system's interpreter:
`python3 -P bootstrap.py run|test <arguments>`. Standard library only, and loaded by path: the
package `console` imports Celery, which is not there yet. The interpreter should be one that every
user can read: engines (the environments user code runs in) are built from it, and a sandboxed user
cannot look below a private home.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BEGAN = time.monotonic()
# Exact versions with the SHA-256 of every file, so that an index or a mirror can offer nothing else
# than what was tested. Tools of development come on top of it.
LOCK = "requirements.lock"
TOOLS = "requirements-dev.txt"

# pip's way of naming other package indexes, and uv's. An installation behind a mirror is set up
# for pip; uv does not read pip's files.
PIP_TO_UV = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
}


class Missing(Exception):
    """The system lacks something only its administrator can add; the message says how."""


def say(text: str) -> None:
    """A progress line like the supervisor's."""
    sys.stdout.write(f"{time.monotonic() - BEGAN:7.1f} s  {text}\n")
    sys.stdout.flush()


def main() -> None:
    """`run` or `test`, then that program's own arguments."""
    purpose, *arguments = sys.argv[1:]
    developing = purpose == "test"
    called_from = Path.cwd()
    os.chdir(ROOT)
    try:
        if developing:
            ensure([LOCK, TOOLS], chromium=True)
            become("-m", "tests.checks", *arguments)
        options = load("options").parse(arguments)
        if options.var:
            # The supervisor runs in the project's folder; the path was typed in another one.
            arguments += ["--var", str(called_from / options.var.expanduser())]
        if options.check and not report([LOCK]):
            sys.exit(1)
        if not options.check:
            ensure([LOCK], chromium=False)
        become("-m", "ops.supervisor", *arguments)
    except Missing as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)


def load(name: str) -> ModuleType:
    """A sibling module, without its package."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def become(*arguments: str) -> NoReturn:
    """Replace this process by the environment's interpreter: signals and exit code are its own."""
    sys.stdout.flush()
    os.environ["MODELYARD_BEGAN"] = repr(BEGAN)
    os.execv(PYTHON, [str(PYTHON), *arguments])  # noqa: S606 - becoming it is the purpose


# -- what is there -----------------------------------------------------------------------------


def report(requirements: Sequence[str]) -> bool:
    """`--check` before there is anything to ask: whether the environment is complete."""
    made = venv_works()
    current = made and stamp_file(requirements).exists()
    for good, text in (
        (True, f"python {platform.python_version()}: {sys.executable}"),
        (made, f"environment: {VENV}"),
        (current, f"packages: as in {' and '.join(requirements)}"),
    ):
        sys.stdout.write(f"{'ok      ' if good else 'MISSING '} {text}\n")
    if not current:
        sys.stdout.write("./run adds what is missing here.\n")
    return current


def venv_works() -> bool:
    """Whether .venv has an interpreter that can be started and is new enough. Its link may dangle
    after an upgrade of the system, or the folder may have been copied from another machine."""
    if not os.access(PYTHON, os.X_OK):
        return False
    config = VENV / "pyvenv.cfg"
    return config.exists() and PYTHON.resolve().exists()


def stamp_file(requirements: Sequence[str]) -> Path:
    """A file that exists once exactly these requirements are installed for this interpreter."""
    total = hashlib.sha256(platform.python_version().encode())
    for name in requirements:
        total.update((ROOT / name).read_bytes())
    return VENV / f".installed-{total.hexdigest()[:16]}"


# -- making it ---------------------------------------------------------------------------------


def ensure(requirements: Sequence[str], *, chromium: bool) -> None:
    """Bring everything that is missing. Raises Missing for what needs the administrator."""
    ensure_system(chromium=chromium)
    stamp = stamp_file(requirements)
    if venv_works() and stamp.exists():
        return
    if not venv_works():
        say(f"making the environment with {sys.executable}")
        command([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")
    for name in requirements:
        install(name)
    # Stamps of earlier requirements are no longer true. The runtime ones are part of the
    # development ones, so both stay valid after ./test.
    for old in VENV.glob(".installed-*"):
        old.unlink()
    stamp.touch()
    stamp_file(requirements[:1]).touch()


def ensure_system(*, chromium: bool) -> None:
    """Programs of the system: venv's own installer, bubblewrap and, for tests, a browser."""
    packages = []
    if not venv_works() and importlib.util.find_spec("ensurepip") is None:
        packages.append(f"python3.{sys.version_info.minor}-venv")
    weak = os.environ.get("MODELYARD_ALLOW_WEAK_SANDBOX", "").strip() == "1"
    sandbox = bool(shutil.which("bwrap")) or weak
    if not sandbox:
        packages.append("bubblewrap")
    browsers = ("chromium", "chromium-browser", "google-chrome")
    if chromium and not any(shutil.which(name) for name in browsers):
        packages.append("chromium")
    if not packages:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing from the system's packages: {' '.join(packages)}")
        if apt_install(packages):
            return
    raise Missing(missing_message(packages, sandbox))


def missing_message(packages: Sequence[str], sandbox: bool) -> str:
    """The one command to type, and the informed alternative where there is one."""
    line = f"sudo apt-get install {' '.join(packages)}"
    if not shutil.which("apt-get"):
        line = f"{' '.join(packages)} (with your system's package manager)"
    text = (
        f"Modelyard needs programs that are not installed. Type:\n\n    {line}\n\nand start again."
    )
    if not sandbox:
        text += (
            "\n\nbubblewrap shuts user code off from your files and network. Without it, code that"
            " users run can\nread whatever this account can read. If that is acceptable on this"
            " machine, say so with\nMODELYARD_ALLOW_WEAK_SANDBOX=1 ./run; the console will show it."
        )
    return text


def apt_install(packages: Sequence[str]) -> bool:
    """Install Debian packages, refreshing the lists once if the first try fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    line = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for attempt in (1, 2):
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return True
        if attempt == 1:
            subprocess.run(["apt-get", "update", "-qq"], env=environment, capture_output=True)
    sys.stderr.write(done.stdout[-2000:] + done.stderr[-2000:])
    return False


def install(requirements: str) -> None:
    """Install with uv, which takes seconds where pip takes half a minute; pip only brings uv and
    stands in when uv fails (a proxy or index only pip is set up for). Files whose digest is not in
    the lock are refused."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    if not (VENV / "bin" / "uv").exists():
        say("installing uv")
        only = VENV / "uv.lock"
        only.write_text(locked("uv"))
        command([*pip, "install", "-q", "--require-hashes", "-r", str(only)], "installing uv")
    say(f"installing {requirements}")
    wanted = [*(["--require-hashes"] if requirements == LOCK else []), "-r", requirements]
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "-q", "-p", str(PYTHON), *indexes(pip)]
    environment = {**os.environ, "UV_LINK_MODE": "copy"}
    done = subprocess.run([*uv, *wanted], cwd=ROOT, env=environment)
    if done.returncode != 0:
        say("uv could not; trying pip")
        command([*pip, "install", "-q", *wanted], f"installing {requirements}")


def locked(name: str) -> str:
    """The lines of one package in the lock: its version and the digests of its files."""
    lines = (ROOT / LOCK).read_text().splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start + 1
    while end < len(lines) and lines[end].startswith(" "):
        end += 1
    return "".join(lines[start:end])


def indexes(pip: Sequence[str]) -> list[str]:
    """uv's options for the package indexes pip is configured with."""
    done = subprocess.run([*pip, "config", "list"], capture_output=True, text=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        # global.index-url='https://...', install.find-links='...', :env:.extra-index-url='...'
        key, _, value = line.partition("=")
        option = PIP_TO_UV.get(key.rpartition(".")[2])
        if option:
            found[option] = value.strip("'\"").replace("\\n", " ").split()
    if not found:
        return []
    # pip takes the best version over all indexes; uv by default only looks at the first that
    # knows the name.
    flags = [flag for option, urls in found.items() for url in urls for flag in (option, url)]
    return [*flags, "--index-strategy", "unsafe-best-match"]


def command(line: Sequence[str], what: str) -> None:
    """Run it. Raises Missing with the command's own words still on the terminal."""
    done = subprocess.run(line, cwd=ROOT)
    if done.returncode != 0:
        raise Missing(f"{what} failed (exit code {done.returncode}); see the lines above.")


if __name__ == "__main__":
    main()

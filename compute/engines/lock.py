"""The lock of an engine: every package it may install, with the SHA-256 of each accepted file.

`python -m compute.engines.lock [NAME ...]` writes `compute/engines/locks/<name>.lock` anew from the
pins of the catalogue, by asking the package index alone. The lock also lists what the index's own
build of torch needs on top; where a source offers the CPU build, none of that is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "locks"
HEAD = (
    "# Every package of this engine with the SHA-256 of each of its files. Made by:\n"
    "#   .venv/bin/python -m compute.engines.lock\n"
)
#: files that no index lists beside the version, but that are the same release:
#: torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl
CPU_BUILDS = {
    "torch": ("6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",),
}
_REFUSED = re.compile(
    r"(?:Hash mismatch for|no trusted hash was provided for:) `([^`\n]{1,100})`"  # uv's words
)
_NAME = re.compile(r"^([a-z0-9][a-z0-9-]*)==", re.MULTILINE)


def path(name: str) -> Path:
    """Where the lock of engine `name` lies."""
    return LOCKS / f"{name}.lock"


def split(text: str, packages: tuple[str, ...]) -> tuple[str, str]:
    """What is installed in any case, and what is locked for the case that a package asks for it.

    packages: pins as in the catalogue. Raises ValueError where one of them is not in the lock.
    """
    wanted = {package.partition("==")[0]: package for package in packages}
    installed: list[str] = []
    others: list[str] = []
    for block in re.split(r"\n(?=\S)", text):
        found = _NAME.match(block)
        if found is None:
            continue  # the head
        pin = wanted.pop(found[1], None)
        if pin is not None and block.split()[0] != pin:
            raise ValueError(f"The lock says {block.split()[0]}, the catalogue {pin}.")
        (others if pin is None else installed).append(block.rstrip("\n") + "\n")
    if wanted:
        raise ValueError(f"Not in the lock: {', '.join(sorted(wanted))}.")
    return "".join(installed), "".join(others)


def for_sources(installed: str, uv: str, sources: list[str]) -> str:
    """The requirements as uv wants them: it looks a digest up by the exact version, so a CPU build
    that the sources offer has to be named as what it is (``torch==2.13.0+cpu``)."""
    for name in CPU_BUILDS:
        pin = re.search(rf"^{name}==\S+", installed, re.MULTILINE)
        if pin is None:
            continue
        done = subprocess.run(
            [uv, "pip", "compile", "-", "--no-deps", "--no-annotate", "--no-header", *sources],
            input=pin[0],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        offered = done.stdout.strip()
        if offered.startswith(f"{pin[0]}+"):
            installed = installed.replace(f"{pin[0]} ", f"{offered} ")
    return installed


def refusal(output: str) -> str:
    """A sentence where the installer's output says that a file is not in the lock; else ""."""
    found = _REFUSED.search(output)
    if found is None:
        return ""
    return (
        f"the file that the package sources hold for {found[1]} is not one that the engine's lock "
        "knows. Compare the sources (pip's settings) with the lock in compute/engines/locks."
    )


def write(name: str, packages: tuple[str, ...], python: str, uv: str) -> None:
    """Resolve the pins on the index and write the lock. Raises CalledProcessError."""
    command = [uv, "pip", "compile", "-", "--generate-hashes", "--universal", "--no-config"]
    command += ["--python-version", python, "--no-annotate", "--no-header"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:"],
        input="\n".join(packages),
        capture_output=True,
        text=True,
        check=True,
    )
    blocks = []
    for block in re.split(r"\n(?=\S)", done.stdout.rstrip("\n")):
        found = _NAME.match(block)
        more = CPU_BUILDS.get(found[1], ()) if found else ()
        blocks.append(block + "".join(f" \\\n    --hash=sha256:{digest}" for digest in more))
    path(name).parent.mkdir(exist_ok=True)
    path(name).write_text(HEAD + "\n".join(blocks) + "\n")


def main(names: list[str]) -> int:
    """Write the locks of the engines named, or of all."""
    from compute.engines.build import find_uv
    from compute.engines.catalogue import ENGINES

    uv = find_uv()
    if uv is None:
        sys.stderr.write("uv is needed to write a lock.\n")
        return 1
    for name in names or sorted(ENGINES):
        engine = ENGINES[name]
        write(name, engine.packages, engine.python, uv)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Starting a runner: by a starter that is there, else by a new one (`compute.runner.starter`)."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from compute.backends.base import BackendError
from compute.runner.layout import Layout

SETSID = "/usr/bin/setsid"
PROJECT = Path(__file__).resolve().parents[2]
LAUNCH_SECONDS = 15.0
ANSWER_SECONDS = 3.0
PEER = (socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))  # pid, uid, gid


def start(
    folder: Path, layout: Layout, options: Sequence[str] = (), installation: str = ""
) -> None:
    """Start the runner of an attempt, detached. `folder`: private, where starters listen;
    `installation`: the id that it and all it starts carry.

    A starter that breaks off without an answer may have started the runner; then a second one finds
    the attempt's lock held and leaves. Raises BackendError.
    """
    order = {"spec": str(layout.spec), "options": [*options], "errors": str(layout.runner_log)}
    text = json.dumps(order).encode()
    path = folder / f"{version(installation)}.sock"
    answer = ask(path, text)
    if answer == "ok":
        return
    if answer:
        raise BackendError(f"The runner could not be started: {answer}")
    command = [SETSID, "--fork", sys.executable, "-E", "-s", "-S", "-m", "compute.runner.starter"]
    with layout.runner_log.open("ab") as errors:
        try:
            done = subprocess.run(
                [*command, str(path)],
                cwd=PROJECT,
                env=runner_env(installation),
                input=text,
                stdout=errors,
                stderr=errors,
                check=False,
                timeout=LAUNCH_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendError(f"The runner could not be started: {error}") from error
    if done.returncode != 0:
        raise BackendError(f"The runner could not be started: see {layout.runner_log}")


def ask(path: Path, order: bytes) -> str:
    """The answer of the starter that listens at `path`; "" where none does."""
    try:
        with (
            _within(path.parent) as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client,
        ):
            client.settimeout(ANSWER_SECONDS)
            client.connect(f"{folder}/{path.name}")
            client.send(order)
            return client.recv(4096).decode("utf-8", "replace")
    except OSError:
        return ""


def end(folder: Path) -> None:
    """End the starters that listen in `folder`, and wait until they are gone, for at most
    ANSWER_SECONDS each. The runners they started are no children of theirs and go on."""
    for path in folder.glob("*.sock"):
        with _within(folder) as short, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
            one.settimeout(ANSWER_SECONDS)
            try:
                one.connect(f"{short}/{path.name}")
            except OSError:
                path.unlink(missing_ok=True)  # of one that was killed
                continue
            # Its socket is its lease: it looks for it after every caller. This one says nothing.
            path.unlink(missing_ok=True)
            process = os.pidfd_open(struct.unpack("3i", one.getsockopt(*PEER))[0])
        try:
            select.select([process], [], [], ANSWER_SECONDS)
        finally:
            os.close(process)


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[str]:
    """A short name of a directory, for the 107 bytes that a socket's address may have."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def version(installation: str = "") -> str:
    """Which starters fit: the interpreter, the environment and the code they have read."""
    return _digest(sys.executable, tuple(sorted(runner_env(installation).items())), code())


@functools.cache
def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@functools.cache
def code() -> tuple[tuple[str, int], ...]:
    """The runner's files and when they changed, as they were when this process first asked."""
    places = ("compute/runner/*.py", "compute/sandbox/*.py", "core/budget.py", "core/visible.py")
    files = [path for place in places for path in PROJECT.glob(place)]
    return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files))


def runner_env(installation: str = "") -> dict[str, str]:
    """The runner's environment: enough to run, whose it is, none of the platform's secrets."""
    kept = ("MODELYARD_ALLOW_WEAK_SANDBOX", "MODELYARD_CGROUP", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in kept if name in os.environ},
        **({"MODELYARD_INSTALLATION": installation} if installation else {}),
    }

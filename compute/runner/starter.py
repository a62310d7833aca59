"""`python -m compute.runner.starter SOCKET`: a process that has imported a runner and forks more.

Most of what starting a runner costs is reading its modules (benchmarks/README.md), which a fork of
a process that has read them does not do again. The first order comes on standard input, the next
ones over the socket, one packet each: `{"spec": path, "options": [...], "errors": path}`. The
answer is `ok` when the runner was forked, else what went wrong.

A forked runner is a process of its own like any other: own session, no parent but init, no
descriptor of the starter. The starter holds no secrets, runs as the platform's own user, listens in
a private directory, and ends after some idle time or when its socket is gone or another's.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from compute.runner import __main__ as runner
from compute.sandbox import report, syscalls
from compute.sandbox.command import find_bwrap

IDLE_SECONDS = 30.0
LOOK_SECONDS = 1.0
ORDER_BYTES = 65536
PR_SET_NAME = 15


class Starter:
    """The listening side; one at a time answers at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with within(path.parent) as folder:
            self._socket.bind(f"{folder}/{fresh.name}")
        self._socket.listen(64)
        self._inode = fresh.stat().st_ino
        fresh.rename(path)  # another starter that was as quick sees it and ends

    def serve(self) -> list[str] | None:
        """Fork runners until this process is not needed any more. Returns None then, and in every
        forked runner its arguments."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            last = time.monotonic()
            while self._is_mine() and time.monotonic() - last < IDLE_SECONDS:
                if not selector.select(LOOK_SECONDS):
                    continue
                arguments = self._answer()
                if arguments is not None:
                    self._socket.close()
                    return arguments
                last = time.monotonic()
        self._retire()
        return None

    def _answer(self) -> list[str] | None:
        connection, _address = self._socket.accept()
        with connection:
            connection.settimeout(LOOK_SECONDS)
            try:
                order = connection.recv(ORDER_BYTES)
                arguments = fork(json.loads(order)) if order else None
            except (OSError, ValueError, KeyError) as error:
                arguments, says = None, repr(error)
            else:
                says = "ok"
            if arguments is None:
                with contextlib.suppress(OSError):
                    connection.send(says.encode())
            return arguments

    def _is_mine(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _retire(self) -> None:
        # A client that connects between the two lines is refused and starts another starter.
        if self._is_mine():
            self._path.unlink(missing_ok=True)
        self._socket.close()


def fork(order: dict[str, Any]) -> list[str] | None:
    """Fork a detached runner; returns its arguments there and None here. Raises OSError."""
    spec, errors = Path(order["spec"]), Path(order["errors"])
    options = [str(option) for option in order["options"]]
    child = os.fork()
    if child:
        _pid, status = os.waitpid(child, 0)
        if status:
            raise OSError("the runner could not be forked")
        return None
    detach(spec, errors)
    return [*options, str(spec)]


def detach(spec: Path, errors: Path) -> None:
    """In the child: a session of its own, no parent, own standard streams. The attempt's directory
    becomes the working directory, so that the process table tells whose runner this is."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir(spec.parent)
        name = f"runner {spec.parent.name[:8]}".encode()
        ctypes.CDLL(None).prctl(PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)
        redirect(errors)
    except BaseException:  # noqa: BLE001 - a copy of the starter must not go on as one
        traceback.print_exc()
        os._exit(1)


def redirect(errors: Path) -> None:
    """Standard input from nowhere, standard output and error to the end of a file."""
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    out = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(nothing)
    os.close(out)


@contextlib.contextmanager
def within(directory: Path) -> Any:
    """A short name of a directory, for the 107 bytes that a socket's address may have."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def know() -> None:
    """What every runner asks for and what stays the same: known to all from here on."""
    report.bubblewrap_version(find_bwrap() or "")
    for isolated in (True, False):
        syscalls.here(isolated=isolated)


def main(path: Path) -> int:
    """Start the first runner, then serve; in a forked runner, run it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    know()
    gc.collect()
    gc.freeze()  # what all runners share stays shared
    arguments = fork(json.loads(sys.stdin.buffer.read()))
    if arguments is None:
        redirect(Path(os.devnull))
        arguments = Starter(path).serve()
    if arguments is None:
        return 0
    gc.unfreeze()
    return runner.main(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

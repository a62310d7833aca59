"""Serve a package by its own command: start it, wait for it, pass requests on, end it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn

from .forward import ForwardApp
from .listening import is_isolated
from .status import LOAD_FAILED, Progress, emit
from .watch import GiveUp, Rules, Watch

EXIT_SERVER = 70  # the server itself could not start (EX_SOFTWARE)
EXIT_LOAD = 78  # the command does not come up (EX_CONFIG)
EXIT_STOPPED_LOADING = 143  # SIGTERM before ready
END_SECONDS = 10.0  # from SIGTERM to SIGKILL of the command
LAST_WORDS = 0.2  # for the command's last lines to be written before ours


class CannotStart(Exception):
    """The command names nothing that can be run: reason code, sentence, next step."""

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.reason, self.message, self.hint = reason, message, hint


def run(options: argparse.Namespace, server_of: Any) -> int:
    """Serve until SIGTERM or the end of the command; return the exit status.

    ``server_of(app, options)`` makes the web server, which runs in a second thread.
    """
    return asyncio.run(_Own(options, server_of).run())


class _Own:
    def __init__(self, options: argparse.Namespace, server_of: Any) -> None:
        self._options = options
        self._own: dict[str, Any] = json.loads(options.own_server)
        self._progress = Progress()
        self._watch = Watch(Rules.of(self._own, options.settle))
        app = ForwardApp(
            self._progress,
            self._watch,
            max_body=options.max_body,
            timeout=options.timeout,
            limit=options.concurrency + options.backlog,
        )
        self._server: uvicorn.Server = server_of(app, options)
        self._thread = threading.Thread(target=self._server.run, name="server", daemon=True)
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._thread.start()
        child = None
        try:
            child = await self._begin()
            return await self._serve(child)
        except (CannotStart, GiveUp) as end:
            if child is not None:
                await _end(child)
                await asyncio.sleep(LAST_WORDS)
            found = {"stage": self._progress.stage, "error": end.message, "reason": end.reason}
            emit(LOAD_FAILED, {**found, "hint": end.hint, "proof": getattr(end, "proof", {})})
            return EXIT_LOAD
        finally:
            self._options.socket.unlink(missing_ok=True)

    async def _begin(self) -> asyncio.subprocess.Process:
        """Start the command in the model's directory. Raises CannotStart."""
        if not is_isolated():
            raise CannotStart(
                "NOT_ISOLATED",
                "A package with its own command needs a network of its own, and this installation "
                "runs programs without isolation.",
                "The operator installs bubblewrap; the compute page says how.",
            )
        folder: Path = self._options.model_dir
        command = [str(word) for word in self._own["command"]]
        program = find(command[0], folder)
        self._progress.enter("starting", command=command[0])
        try:
            return await asyncio.create_subprocess_exec(
                program,
                *command[1:],
                cwd=folder,
                env=self._environment(folder),
                stdin=asyncio.subprocess.DEVNULL,
                # Of its own, so that a signal to this program's group is not a signal to it: it
                # goes on answering while this one drains.
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(
                "COMMAND_NOT_EXECUTABLE",
                f"`{command[0]}` cannot be run: {error.strerror}.",
                "A script begins with a line such as `#!/bin/sh`, or is named after its "
                'interpreter: ["sh", "start.sh"]. A binary has to be built for this machine.',
            ) from error

    def _environment(self, folder: Path) -> dict[str, str]:
        hidden = ("MODELYARD_SOCKET",)
        return {
            **{key: value for key, value in os.environ.items() if key not in hidden},
            "PORT": str(self._own["port"]),
            "MODEL_DIR": str(folder),
            "MODEL_NAME": self._options.model_name,
            "PYTHONUNBUFFERED": "1",
        }

    async def _serve(self, child: asyncio.subprocess.Process) -> int:
        ended = asyncio.create_task(child.wait())
        stopped = asyncio.create_task(self._stop.wait())
        pause = 0.05
        try:
            while not (ended.done() or stopped.done()):
                await asyncio.wait(
                    {ended, stopped}, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                if not self._thread.is_alive():
                    sys.stderr.write("The server stopped by itself.\n")
                    return EXIT_SERVER
                if not (ended.done() or stopped.done()):
                    pause = await self._look()
            if ended.done():
                return _status(child)
            if self._watch.ready:
                await self._drain()
            await _end(child)
            self._progress.enter("stopped")
            return 0 if self._watch.ready else EXIT_STOPPED_LOADING
        finally:
            stopped.cancel()
            ended.cancel()

    async def _look(self) -> float:
        """Raises GiveUp."""
        before = self._watch.ready
        pause = await self._watch.look()
        if self._watch.ready and not before:
            self._progress.enter("ready", port=self._watch.rules.port)
        return pause

    async def _drain(self) -> None:
        """As for other packages: the name goes first, then what runs may finish; the command
        learns of it last, so that it answers until then."""
        self._progress.enter("draining")
        self._options.socket.unlink(missing_ok=True)
        await asyncio.to_thread(self._thread.join, self._options.linger)
        self._server.should_exit = True
        await asyncio.to_thread(self._thread.join, self._options.drain)


def find(name: str, folder: Path) -> str:
    """The program that the first word of a command names. Raises CannotStart.

    A store of objects keeps no mode: a file of the package is made executable here.
    """
    if "/" not in name:
        found = shutil.which(name)
        if found is not None:
            return found
        own = (folder / name).is_file()
        raise CannotStart(
            "COMMAND_NOT_FOUND",
            f"The command's program `{name}` is neither in the engine nor in the system.",
            f"It is a file of the package: write `./{name}`."
            if own
            else "Correct the first word of `command`, choose an engine that has the program, or "
            "put it into the package and write `./` before its name.",
        )
    path = folder / name  # an absolute name stays as it is
    try:
        mode = path.lstat().st_mode
    except OSError:
        raise CannotStart(
            "COMMAND_NOT_FOUND",
            f"The command's program `{name}` does not exist.",
            "Correct the first word of `command`. It is looked for in the directory `model`.",
        ) from None
    if stat.S_ISREG(mode) and folder in path.parents:
        with contextlib.suppress(OSError):
            path.chmod(mode | 0o111)
    return str(path)


async def _end(child: asyncio.subprocess.Process) -> None:
    """SIGTERM to everything the command started in its session, SIGKILL after a while."""
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        try:
            async with asyncio.timeout(seconds):
                await child.wait()
            return
        except TimeoutError:
            continue


def _status(child: asyncio.subprocess.Process) -> int:
    """As a shell tells it: 128 and the signal's number for a death by signal."""
    code = child.returncode or 0
    return 128 - code if code < 0 else code

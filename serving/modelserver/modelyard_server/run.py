"""Start the server, load the model in the main thread, drain on SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from . import own
from .app import App
from .loader import load_config, load_service
from .predict import Predictor
from .status import LOAD_FAILED, Progress, describe, emit, hint

EXIT_SERVER = 70  # the server itself could not start (EX_SOFTWARE)
EXIT_LOAD = 78  # the package could not be loaded (EX_CONFIG)
EXIT_STOPPED_LOADING = 143  # SIGTERM before ready
MAX_SOCKET_PATH = 107


class _Stop:
    """SIGTERM and SIGINT: leave at once while loading, drain afterwards."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.loading = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked.set()
        if self.loading:
            raise SystemExit(EXIT_STOPPED_LOADING)


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM; return the exit status.

    The model is loaded in the main thread, because user code may set signal handlers or load
    libraries that insist on it; the event loop runs in a second thread and answers /health with
    503 and the stage meanwhile.
    """
    socket_path: Path = options.socket
    if len(str(socket_path).encode()) > MAX_SOCKET_PATH:
        sys.stderr.write(
            f"The socket path has {len(str(socket_path))} bytes; a unix socket allows "
            f"{MAX_SOCKET_PATH}. Use a shorter directory.\n"
        )
        return EXIT_SERVER
    if options.own_server:
        return own.run(options, web_server)
    stop = _Stop()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    progress = Progress()
    app = App(
        progress,
        model_dir=options.model_dir,
        max_body=options.max_body,
        timeout=options.timeout,
        concurrency=options.concurrency,
        backlog=options.backlog,
    )
    server = web_server(app, options)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    try:
        thread.start()
        try:
            config = load_config(options.model_dir)
            service = load_service(options.model_dir, options.model_name, progress)
        except (Exception, SystemExit) as error:
            if stop.asked.is_set():
                raise
            return _load_failed(error, options.model_dir, progress)
        app.ready(Predictor(service), config)
        stop.loading = False
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        if not thread.is_alive():
            sys.stderr.write(f"The server could not listen on {socket_path}.\n")
            return EXIT_SERVER
        progress.enter("ready", service=type(service).__name__)
        while thread.is_alive() and not stop.asked.wait(1.0):
            pass
        return _drain(server, thread, progress, options)
    except SystemExit:
        return EXIT_STOPPED_LOADING
    finally:
        socket_path.unlink(missing_ok=True)


def web_server(app: Any, options: argparse.Namespace) -> uvicorn.Server:
    """The web server on the instance's socket."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            uds=str(options.socket),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            # Longer than the gateway keeps an idle connection, so that the gateway closes first.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, int(options.drain)),
        )
    )


def _drain(
    server: uvicorn.Server,
    thread: threading.Thread,
    progress: Progress,
    options: argparse.Namespace,
) -> int:
    """Take no new connection, answer the open ones for ``linger`` s more, then finish.

    The socket's name goes first: who connects now is refused and asks another instance, while
    closing the listening socket at once would reset connections that wait to be accepted. Without
    the pause a request just sent on an open connection would be lost.
    """
    if not thread.is_alive():
        sys.stderr.write("The server stopped by itself.\n")
        return EXIT_SERVER
    progress.enter("draining")
    options.socket.unlink(missing_ok=True)
    thread.join(options.linger)
    server.should_exit = True
    thread.join(options.drain + 5)
    progress.enter("stopped", clean=not thread.is_alive())
    return 0


def _load_failed(error: BaseException, model_dir: Path, progress: Progress) -> int:
    traceback.print_exception(error)
    sys.stderr.flush()
    emit(
        LOAD_FAILED,
        {"stage": progress.stage, **describe(error, model_dir), **hint(error)},
    )
    return EXIT_LOAD

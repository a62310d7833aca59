"""What test_web_worker.py lets gunicorn serve: the console's worker class in a hurry, a tiny
application."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from ops.web_worker import SlowClientWorker

#: more than the kernel keeps for a connection
LARGE = 48 << 20


class Hasty(SlowClientWorker):
    """Cuts within a fraction of a second, under pressure and without."""

    PATIENCE = 0.6
    STALLED = 1.2
    PATIENCE_PRESSED = 0.3
    LOOK = 0.05


class Pressed(SlowClientWorker):
    """Cuts under pressure alone."""

    PATIENCE = 600.0
    PATIENCE_PRESSED = 0.3
    LOOK = 0.05


class Lingering(Pressed):
    """Lets those who were answered stay for long."""

    LINGER = 600.0


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Says how many bytes came, or that they did not. `/large` answers with LARGE bytes, `/file`
    with a file of so many."""
    if environ["PATH_INFO"] in ("/large", "/file"):
        start("200 OK", [("Content-Length", str(LARGE))])
        if environ["PATH_INFO"] == "/large":
            return (bytes(1 << 20) for _piece in range(LARGE >> 20))
        file = tempfile.TemporaryFile()  # noqa: SIM115 the server closes it
        file.truncate(LARGE)
        return environ["wsgi.file_wrapper"](file, 8192)  # type: ignore[no-any-return]
    wanted, found = int(environ.get("CONTENT_LENGTH") or 0), 0
    status = "200 OK"
    try:
        while found < wanted:
            found += len(environ["wsgi.input"].read(min(64 * 1024, wanted - found)))
    except OSError:
        status = "400 Bad Request"
    body = json.dumps({"found": found}).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

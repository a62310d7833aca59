"""What test_patience.py lets gunicorn serve: the console's worker class in a hurry, a tiny
application."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from console.patience import PatientWorker


class Hasty(PatientWorker):
    """Cuts within a fraction of a second, under pressure and without."""

    PATIENCE = 0.6
    PATIENCE_PRESSED = 0.3
    LOOK = 0.05


class Pressed(PatientWorker):
    """Cuts under pressure alone."""

    PATIENCE = 600.0
    PATIENCE_PRESSED = 0.3
    LOOK = 0.05


class Lingering(Pressed):
    """Lets those who were answered stay for long."""

    LINGER = 600.0


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Says how many bytes came, or that they did not."""
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

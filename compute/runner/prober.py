"""Asks the attempt's own server how it is, and once for a real answer.

What a tenant's server does to the process that asks it, it does to the runner of that instance: no
worker of the platform ever waits for it. Answers are kept raw and bounded in files beside
state.json, out of the program's reach; the platform reads the last ones and judges them.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compute import whole
from compute.runner import exchange
from compute.runner.layout import SOCKET_NAME, Layout
from compute.runner.spec import FirstRequest, RunSpec
from compute.runner.state import boot_id, write_atomic

HEALTH_SECONDS = 5.0  # for one answer
HEALTH_BYTES = 64 * 1024
STARTING_SECONDS = 0.3  # between two questions until it was well once
READY_SECONDS = 2.0  # and from then on


class Prober(threading.Thread):
    """Asks until `end`; every answer replaces the one before.

    health.json: number (of the question), misses (in a row, up to this one), monotonic and boot_id
    (when it was answered), and the answer: status, kind and body (text), or error.
    first.json: number (of the try, from 1), and the answer: status, kind and body (base64, null
    when it is longer than was asked for), or error and cut (whether it broke off).
    again: the number of the try that is wanted, where it is not the first.
    """

    def __init__(self, spec: RunSpec, layout: Layout) -> None:
        super().__init__(name="prober", daemon=True)
        self._socket = Path(spec.socket_dir) / SOCKET_NAME
        self._layout = layout
        self._first = spec.first_request
        self._ending = threading.Event()
        self._number = self._misses = self._tries = 0
        self._was_well = False

    def run(self) -> None:
        while not self._ending.wait(READY_SECONDS if self._was_well else STARTING_SECONDS):
            well = self._health()
            self._was_well = self._was_well or well
            if well and self._first is not None and self._tries < self._wanted():
                self._tries += 1
                self._keep(
                    self._layout.first, {"number": self._tries, **first(self._socket, self._first)}
                )

    def end(self) -> None:
        """Ask nothing more. A question under way ends by its own deadline, and is not kept."""
        self._ending.set()

    def _health(self) -> bool:
        answer = health(self._socket)
        self._number += 1
        well = answer.get("status") == 200
        self._misses = 0 if well else self._misses + 1
        seen = {"boot_id": boot_id(), "monotonic": time.monotonic()}
        self._keep(
            self._layout.health, {"number": self._number, "misses": self._misses, **seen, **answer}
        )
        return well

    def _wanted(self) -> int:
        try:
            return max(1, int(self._layout.again.read_text()))
        except (OSError, ValueError):
            return 1

    def _keep(self, path: Path, document: dict[str, Any]) -> None:
        """On a full disk the answer before stays, and grows old."""
        if not self._ending.is_set():
            try:
                write_atomic(path, json.dumps(document))
            except OSError:
                return


def health(path: Path) -> dict[str, Any]:
    """GET /health of the server at this socket, as health.json keeps it."""

    def ask() -> dict[str, Any]:
        found = exchange.ask(path, "GET", "/health", seconds=HEALTH_SECONDS, limit=HEALTH_BYTES)
        text = (found.body or b"").decode("utf-8", "replace")
        return {"status": found.status, "kind": found.kind, "body": text}

    return _told(ask)


def first(path: Path, request: FirstRequest) -> dict[str, Any]:
    """One real request to the server at this socket, as first.json keeps it."""

    def ask() -> dict[str, Any]:
        found = exchange.ask(
            path,
            request.method,
            request.path,
            body=base64.b64decode(request.body),
            kind=request.content_type,
            seconds=request.seconds,
            limit=request.answer_bytes,
        )
        body = None if found.body is None else base64.b64encode(found.body).decode("ascii")
        return {"status": found.status, "kind": found.kind, "body": body}

    return _told(ask)


def _told(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return ask()
    except whole.CutOff as cut:
        return {"error": str(cut), "cut": True}
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"[:2000], "cut": False}

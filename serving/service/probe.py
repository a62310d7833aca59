"""Asking a model server over its unix socket whether it is well."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute import sockets
from registry.package import build_example, judge_answer

HEALTH_SECONDS = 5.0
INFERENCE_SECONDS = 30.0
MAX_ANSWER = 1024 * 1024


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, `timeout` seconds for everything together.

    A socket's own timeout counts from byte to byte: an instance that sends one now and then would
    hold whoever asks for ever.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("instance", timeout=timeout)
        self.socket_path = path
        self.late = False
        self._timer = threading.Timer(timeout, self._cut)
        self._timer.daemon = True
        self._handle = socket.socket(socket.AF_UNIX)  # replaced by the connected one

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with sockets.address(self.socket_path) as address:
            self.sock.connect(address)
        # Its own handle: http.client lets go of `sock` while the body is still to be read.
        self._handle.close()
        self._handle = self.sock.dup()
        self._timer.start()

    def end(self) -> None:
        """Close for good, and never cut again."""
        self._timer.cancel()
        self._handle.close()
        self.close()

    def _cut(self) -> None:
        self.late = True
        with contextlib.suppress(OSError):  # closed meanwhile
            self._handle.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found. ``stage`` is the server's own word while it is loading."""

    ok: bool
    stage: str = ""
    text: str = ""


def health(path: Path) -> Answer:
    """GET /health: 200 = loaded, 503 = loading (with its stage)."""
    try:
        status, _kind, body = _ask(path, "GET", "/health", b"", "", HEALTH_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, "", f"{type(error).__name__}: {error}")
    stage = ""
    try:
        stage = str(json.loads(body).get("stage", ""))
    except (ValueError, AttributeError):
        stage = ""
    return Answer(status == 200, stage, f"status {status}")


def inference(path: Path, config: dict[str, Any]) -> Answer:
    """One real request made from the model's own interface, and whether the answer fits it."""
    example = build_example(config)
    if example is None:
        return Answer(True, text="The model declares no interface; only its health was checked.")
    try:
        status, kind, body = _ask(
            path,
            example.method,
            example.path,
            example.body,
            example.content_type,
            INFERENCE_SECONDS,
        )
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, text=f"{example.description}: {type(error).__name__}: {error}")
    findings = judge_answer(config, status, kind, body)
    if findings and not example.guessed:
        return Answer(False, text=f"{example.description}: {findings[0]}")
    return Answer(True, text=f"{example.description}: answered {status}.")


def _ask(
    path: Path, method: str, target: str, body: bytes, kind: str, seconds: float
) -> tuple[int, str, bytes]:
    connection = UnixConnection(path, seconds)
    try:
        headers = {"Content-Type": kind} if kind else {}
        connection.request(method, target, body=body or None, headers=headers)
        response = connection.getresponse()
        content = response.read(MAX_ANSWER)
        if not connection.late:
            return response.status, response.headers.get("Content-Type", ""), content
    except (OSError, http.client.HTTPException):
        if not connection.late:
            raise
    finally:
        connection.end()
    raise TimeoutError(f"no answer within {seconds:g} s")

"""Asking a model server over its unix socket whether it is well."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compute import sockets
from compute.runner.classify import readable
from core import strict_json
from registry.package import build_example, judge_answer
from serving.service import whole
from serving.service.deadline import Deadline

log = logging.getLogger("modelyard.serving")

HEALTH_SECONDS = 5.0
INFERENCE_SECONDS = 30.0
MAX_ANSWER = 1024 * 1024


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, `timeout` seconds for everything together."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("instance", timeout=timeout)
        self.socket_path = path
        self._seconds = timeout
        self._deadline: Deadline | None = None

    @property
    def late(self) -> bool:
        """Whether it was cut because its time was over."""
        return self._deadline is not None and self._deadline.late

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with sockets.address(self.socket_path) as address:
            self.sock.connect(address)
        self._deadline = Deadline(self.sock, self._seconds)

    def end(self) -> None:
        """Close for good, and never cut again."""
        if self._deadline is not None:
            self._deadline.end()
        self.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found. ``stage`` is the server's own word while it is loading; ``reason`` and
    ``proof`` are what it found out about a package with its own command."""

    ok: bool
    stage: str = ""
    text: str = ""
    reason: str = ""
    proof: dict[str, Any] = field(default_factory=dict)


#: what the model server may say about a command that does not come up
DIAGNOSES = frozenset({"HEALTH_STARTUP", "PORT_CLOSED", "LISTEN_LOCALHOST"})


def plain(value: Any, limit: int = 500) -> str:
    """One line of what an instance said, as every database can keep it."""
    text = readable(str(value).encode("utf-8", "replace"))
    return " ".join(text.split())[:limit]


def proof_of(raw: Any) -> dict[str, Any]:
    """The known parts of what an instance gives as proof, bounded: port, listening, tried,
    answer."""
    if not isinstance(raw, dict):
        return {}
    found: dict[str, Any] = {}
    if type(raw.get("port")) is int and 0 < raw["port"] < 65536:
        found["port"] = raw["port"]
    if isinstance(raw.get("listening"), list):
        found["listening"] = [plain(one, 60) for one in raw["listening"][:8]]
    for key in ("tried", "answer"):
        if raw.get(key):
            found[key] = plain(raw[key], 400)
    return found


def health(path: Path) -> Answer:
    """GET /health: 200 = loaded, 503 = loading (with its stage)."""
    try:
        status, _kind, body = _ask(path, "GET", "/health", b"", "", HEALTH_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, "", plain(f"{type(error).__name__}: {error}"))
    try:
        said = strict_json.read(body or b"null")
    except strict_json.Refused:
        said = None
    if not isinstance(said, dict):
        return Answer(status == 200, "", f"status {status}")
    stage = plain(said.get("stage", ""), 32)
    reason = said.get("reason")
    return Answer(
        status == 200,
        stage,
        plain(said.get("message") or f"status {status}"),
        reason if isinstance(reason, str) and reason in DIAGNOSES else "",
        proof_of(said.get("proof")),
    )


def inference(path: Path, config: dict[str, Any]) -> Answer:
    """One real request made from the model's own interface, and whether the answer fits it.

    Whatever a package declares or answers is its own fault: this never raises.
    """
    try:
        return _inference(path, config)
    except Exception as error:
        log.exception("the first inference of %s cannot be judged", path)
        return Answer(False, text=f"The answer cannot be judged ({type(error).__name__}).")


def _inference(path: Path, config: dict[str, Any]) -> Answer:
    example = build_example(config)
    if example is None:
        return Answer(
            True,
            text="No example request: `apis` declares none, or too large a one; only its "
            "health was checked.",
        )
    try:
        status, kind, body = _ask(
            path,
            example.method,
            example.path,
            example.body,
            example.content_type,
            INFERENCE_SECONDS,
        )
    except whole.CutOff as cut:
        return Answer(False, text=plain(f"{example.description}: The answer is not whole. {cut}"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, text=plain(f"{example.description}: {type(error).__name__}: {error}"))
    findings = judge_answer(config, status, kind, body)
    if findings and not example.guessed:
        return Answer(False, text=plain(f"{example.description}: {findings[0]}"))
    unread = "" if body is not None else f" with more than {MAX_ANSWER:,} bytes, not looked into"
    return Answer(True, text=f"{example.description}: answered {status}{unread}.")


def _ask(
    path: Path, method: str, target: str, body: bytes, kind: str, seconds: float
) -> tuple[int, str, bytes | None]:
    """Status, content type and body, None when that is longer than is read. Raises OSError,
    HTTPException."""
    connection = UnixConnection(path, seconds)
    try:
        headers = {"Content-Type": kind} if kind else {}
        connection.request(method, target, body=body or None, headers=headers)
        response = connection.getresponse()
        content: bytes | None = None
        with contextlib.suppress(whole.TooLong):
            content = whole.read(response, MAX_ANSWER)
        if not connection.late:
            return response.status, response.headers.get("Content-Type", ""), content
    except (OSError, http.client.HTTPException):
        if not connection.late:
            raise
    finally:
        connection.end()
    raise TimeoutError(f"no answer within {seconds:g} s")

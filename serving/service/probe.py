"""What a model server answered to its runner, and what that says about the instance.

The runner asks (compute.runner.prober); nothing here waits for a tenant's code.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any

from compute.backends.base import Probed
from compute.runner.classify import readable
from compute.runner.spec import FirstRequest
from core import strict_json
from registry.package import build_example, judge_answer
from serving import messages

log = logging.getLogger("modelyard.serving")

INFERENCE_SECONDS = 30.0
SILENT_SECONDS = 60.0  # the first request and a health check together take less
MAX_ANSWER = 1024 * 1024


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


def health(probed: Probed) -> Answer:
    """What the server last said of itself: 200 = loaded, 503 = loading (with its stage)."""
    record = probed.health
    if not record:
        return Answer(False, "", messages.NOT_ASKED())
    if probed.age is None or probed.age > SILENT_SECONDS:
        return Answer(False, "", messages.SILENT(seconds=SILENT_SECONDS))
    if "error" in record:
        return Answer(False, "", plain(record["error"]))
    status = record["status"]
    try:
        said = strict_json.read(record["body"] or "null")
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


def misses(probed: Probed, before: int) -> int:
    """Answers in a row that were not well, of a server that is not well. Looking twice at one
    answer counts it once; ``before`` is the count so far, for a server that is not asked."""
    told = probed.health.get("misses", 0)
    return (
        max(int(told), 1) if probed.age is not None and probed.age <= SILENT_SECONDS else before + 1
    )


def first_request(config: dict[str, Any]) -> FirstRequest | None:
    """The request that decides whether an instance is routed, from the model's own interface; None
    where nothing is known, or the example would be too large."""
    example = build_example(config)
    if example is None:
        return None
    return FirstRequest(
        method=example.method,
        path=example.path,
        content_type=example.content_type,
        body=base64.b64encode(example.body).decode("ascii"),
        seconds=INFERENCE_SECONDS,
        answer_bytes=MAX_ANSWER,
    )


def judge(config: dict[str, Any], record: dict[str, Any]) -> Answer:
    """Whether the answer that the runner got to the first request fits the model's interface.

    ``record``: as compute.runner.prober keeps it; {} where there was no example to ask for.
    Whatever a package declares or answers is its own fault: this never raises.
    """
    try:
        return _judge(config, record)
    except Exception as error:
        log.exception("the first answer of a model cannot be judged")
        return Answer(False, text=messages.NOT_JUDGED(error=type(error).__name__))


def _judge(config: dict[str, Any], record: dict[str, Any]) -> Answer:
    example = build_example(config)
    if example is None:
        return Answer(True, text=messages.NO_EXAMPLE())
    if "error" in record:
        told = f"The answer is not whole. {record['error']}" if record["cut"] else record["error"]
        return Answer(False, text=plain(f"{example.description}: {told}"))
    body = None if record["body"] is None else base64.b64decode(record["body"])
    findings = judge_answer(config, record["status"], record["kind"], body)
    if findings and not example.guessed:
        return Answer(False, text=plain(f"{example.description}: {findings[0]}"))
    well = messages.ANSWERED if body is not None else messages.ANSWERED_LONG
    return Answer(
        True,
        text=well(request=example.description, status=record["status"], most=MAX_ANSWER),
    )

"""Turn what _postprocess returned into JSON: numpy, tensors, tuples, dates, enums."""

from __future__ import annotations

import datetime
import enum
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

MAX_DEPTH = 100
MAX_ANSWER = 64 * 2**20  # characters of JSON; a synchronous answer is read by somebody who waits


class AnswerError(TypeError):
    """The answer cannot be written as JSON; the text names the place."""


def encode(value: Any) -> bytes:
    """Return UTF-8 JSON. Raises AnswerError for NaN, infinity, unknown types and too much."""
    text = json.dumps(
        plain(value, "$", 0), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    _bounded(len(text), "The answer")
    return text.encode("utf-8", "backslashreplace")


async def send_json(
    send: Any, status: int, body: bytes, request_id: str, *, close: bool = False
) -> None:
    """Send a whole JSON answer over ASGI; ``close``: this connection takes no other request."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def words(content: dict[str, Any]) -> bytes:
    """The server's own words as JSON: a sentence may quote what is no text."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _bounded(size: int, what: str) -> None:
    if size > MAX_ANSWER:
        raise AnswerError(
            f"{what} has {size:,} characters; the limit is {MAX_ANSWER:,}. Write large results "
            "to a bucket from a training job instead."
        )


def plain(value: Any, where: str, depth: int) -> Any:
    """Convert ``value`` to what the json module knows."""
    if value is None or isinstance(value, bool):
        return value
    if depth > MAX_DEPTH:
        raise AnswerError(f"The answer is nested deeper than {MAX_DEPTH} at {where[:80]}.")
    if isinstance(value, enum.Enum):
        return plain(value.value, where, depth + 1)
    if isinstance(value, str):
        _bounded(len(value), f"The text at {where[:80]}")
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise AnswerError(
                f"The answer holds {value} at {where}, which JSON cannot express. "
                "Replace it in _postprocess."
            )
        return float(value)
    if isinstance(value, Mapping):
        return {
            _key(key, where): plain(item, f"{where}.{key}", depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, f"{where}[{at}]", depth + 1) for at, item in enumerate(value)]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    # Tensors of any framework: leave the graph and the device first.
    if callable(detach := getattr(value, "detach", None)):
        value = detach()
    if callable(cpu := getattr(value, "cpu", None)):
        value = cpu()
    if callable(tolist := getattr(value, "tolist", None)):
        return plain(tolist(), where, depth + 1)
    if callable(numpy := getattr(value, "numpy", None)):
        return plain(numpy(), where, depth + 1)
    raise AnswerError(
        f"The answer holds a {type(value).__module__}.{type(value).__qualname__} at {where}, which "
        "is no JSON type. Convert it in _postprocess."
    )


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return str(key)
    if callable(item := getattr(key, "item", None)):
        key = item()
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, bool) or key is None:
        return json.dumps(key)
    if isinstance(key, int | float | str):
        return str(key)
    raise AnswerError(f"The answer has a key of type {type(key).__name__} at {where}.")

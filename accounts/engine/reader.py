"""JSON text to plain Python data, with the limits and refusals a policy needs.

RFC 8259 leaves repeated names undefined; two parsers that disagree about which ``Effect`` counts
are a way around a Deny, so a repeated name is a problem here, never a choice.
"""

from __future__ import annotations

import json
from typing import Any

from accounts.engine.model import Problem
from core import strict_json

MAX_TEXT = 128 * 1024
MAX_DEPTH = 8
#: repeated names and places too deep that are told; one is enough to refuse
MAX_PROBLEMS = 100


def read_json(text: str, *, limit: int | None = MAX_TEXT) -> tuple[Any, list[Problem]]:
    """Parse ``text``; returns (data, problems). Data is None when the text is not JSON at all.

    Never raises on bad input. ``limit`` is in characters; None for documents already stored.
    """
    if limit is not None and len(text) > limit:
        return None, [
            Problem(
                "$",
                f"{len(text)} characters",
                f"A policy holds at most {limit} characters.",
                "Split it into several policies.",
                "too_large",
            )
        ]
    try:
        data = strict_json.read(text, keep_duplicates=True)
    except strict_json.Refused as error:
        if error.kind == "deep":
            return None, [_too_deep("$")]
        token = printable(error.token) if error.token else error.kind
        return None, [
            Problem("$", token, f"The text {error}", error.hint or "Correct it.", "not_json")
        ]
    problems: list[Problem] = []
    _walk(data, "$", 0, problems)
    return data, problems


def _too_deep(path: str) -> Problem:
    return Problem(
        path,
        "nesting",
        f"A policy is nested at most {MAX_DEPTH} levels deep.",
        "Remove the inner lists or objects.",
        "too_deep",
    )


def _walk(data: Any, path: str, depth: int, problems: list[Problem]) -> None:
    if len(problems) >= MAX_PROBLEMS:
        return
    if depth > MAX_DEPTH:
        if not problems or problems[-1].code != "too_deep":
            problems.append(_too_deep(path))
        return
    if isinstance(data, dict):
        for name in getattr(data, "duplicates", ())[:MAX_PROBLEMS]:
            problems.append(
                Problem(
                    f"{path}.{printable(name)}",
                    printable(name),
                    "The same name is written twice in one object, so its meaning is undefined.",
                    "Keep one of them.",
                    "duplicate_key",
                )
            )
        for name, value in data.items():
            _walk(value, f"{path}.{printable(name)}", depth + 1, problems)
    elif isinstance(data, list):
        for position, value in enumerate(data):
            if isinstance(value, dict | list):
                _walk(value, f"{path}[{position}]", depth + 1, problems)


def printable(value: object, limit: int = 80) -> str:
    """``value`` as one line of safe text for messages: escapes controls and look-alikes, cut at
    ``limit``.
    """
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=True, default=str)
        except (RecursionError, TypeError, ValueError):
            text = f"<{type(value).__name__}>"
    if not (text.isascii() and text.isprintable()):
        text = text.encode("ascii", "backslashreplace").decode("ascii")
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 3] + "..."

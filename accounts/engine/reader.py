"""JSON text to plain Python data, with the limits and refusals a policy needs.

RFC 8259 leaves repeated names undefined; two parsers that disagree about which ``Effect`` counts
are a way around a Deny, so a repeated name is a problem here, never a choice.
"""

from __future__ import annotations

import json
from typing import Any

from accounts import grammar
from accounts.engine.model import Problem
from core import strict_json
from core.codes import of

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
                grammar.CHARACTERS(n=len(text)),
                grammar.TEXT_TOO_LONG(limit=limit),
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
            Problem("$", token, grammar.THE_TEXT(error=error.said), "not_json", of(error.hint))
        ]
    problems: list[Problem] = []
    _walk(data, "$", 0, problems)
    return data, problems


def _too_deep(path: str) -> Problem:
    return Problem(
        path,
        "nesting",
        grammar.TOO_DEEP(most=MAX_DEPTH),
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
                    grammar.NAME_TWICE(),
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

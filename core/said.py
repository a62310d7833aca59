"""Sentences with code and parameters where Django is not: of the runner, and of children that read
what tenants wrote (core/budget.py).

The catalogue of the room (core/codes.py) holds the same codes, so that a page writes them in the
reader's language. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MAX_TEXT = 1000  # characters of a parameter

#: name -> template, or template and that of the next step
Sentences = Mapping[str, str | tuple[str, str]]


class Said(str):
    """A sentence and, in ``data``, what a row keeps of it: code and parameters. ``next`` is the
    next step, "" without one."""

    __slots__ = ("data", "next")
    data: dict[str, Any]
    next: str


def made(text: str, data: dict[str, Any], next: str = "") -> Said:
    """A sentence of which text, data and the text of the next step are known, as after a wire."""
    said = Said(text)
    said.data = data
    said.next = made(next, {**data, "part": "next"}) if next else ""
    return said


def sayer(room: str, sentences: Sentences) -> Callable[..., Said]:
    """What says the sentences of a room."""

    def say(name: str, /, **params: Any) -> Said:
        """The sentence of this name. Raises KeyError: no such sentence, or a parameter is
        missing."""
        found = sentences[name]
        text, next_step = (found, "") if isinstance(found, str) else found
        words = {k: v[:MAX_TEXT] if type(v) is str else v for k, v in params.items()}
        data = {"code": f"{room}.{name}", "params": {k: _kept(v) for k, v in words.items()}}
        return made(text.format_map(words), data, next_step.format_map(words))

    return say


def data_of(text: str) -> dict[str, Any] | None:
    """Code and parameters of a sentence, None of any other text."""
    return getattr(text, "data", None)


def noop(text: str) -> str:
    """Marks a sentence for the translations (locale/update.py); import it as ``_``."""
    return text


def _kept(value: Any) -> Any:
    return value.data if isinstance(value, Said) else value

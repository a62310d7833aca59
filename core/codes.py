"""Messages as codes with parameters.

A room keeps its sentences in a catalogue (``<room>/messages.py``); who raises an error or moves a
state names one of them and gives parameters::

    raise Conflict(messages.OUTPUT_BUSY(job=job.name, path=path))

What comes of it is English text by value, so the API, the trail, logs and comparisons need nothing
more. It remembers code and parameters, so a page writes it in the reader's language: ``told()``, or
a template that prints it. Parameters are data: never a template, never translated, except where
they are labels or messages themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from core.said import Said
from core.text import english, excerpt

#: characters of a message, and of each text among its parameters
MAX_TEXT = 1000
#: what a kept parameter must not hold: it could forge a line, and PostgreSQL cannot store NUL
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_known: dict[str, Code] = {}


class Code:
    """One sentence of a catalogue: ``name`` is unique in its room, ``text`` a template with named
    fields, ``many`` the one where the parameter ``n`` is not 1, ``next`` the next step.

    ``code`` is what the API says; "" is the code of the error that carries the message. ``room``
    and ``name`` together stand in rows, so they stay when the words change.
    """

    __slots__ = ("_fixed", "code", "key", "many", "next", "text")

    def __init__(
        self, key: str, text: str, next: str = "", *, code: str = "", many: str = ""
    ) -> None:
        self.key, self.text, self.next, self.code, self.many = key, text, next, code, many
        self._fixed: Message | None = None

    def __call__(self, **params: Any) -> Message:
        """The message with these parameters. Raises KeyError where one is missing."""
        if params:
            return Message(self, "text", params)
        if self._fixed is None:  # without parameters it is always the same
            self._fixed = Message(self, "text", params)
        return self._fixed

    def template(self, part: str, params: Mapping[str, Any]) -> str:
        """The English template of ``text`` or ``next``."""
        if part == "next":
            return self.next
        return self.many if self.many and params.get("n") != 1 else self.text


def catalogue(room: str) -> Callable[..., Code]:
    """What makes the codes of a room."""

    def code(name: str, text: str, next: str = "", *, code: str = "", many: str = "") -> Code:
        made = Code(f"{room}.{name}", text, next, code=code, many=many)
        assert _known.setdefault(made.key, made) is made, f"{made.key} is there twice"
        return made

    return code


def known() -> Mapping[str, Code]:
    """Every code of the catalogues that are imported, by key."""
    return _known


class Message(str):
    """English text that knows its code and parameters. Made by ``Code``, ``label`` and ``kept``."""

    __slots__ = ("_part", "_source", "params")
    _source: Code
    _part: str
    params: dict[str, Any]

    def __new__(cls, source: Code, part: str, params: Mapping[str, Any]) -> Message:
        kept = {name: _parameter(value) for name, value in params.items()}
        text = source.template(part, kept)
        made = super().__new__(cls, excerpt(text.format_map(kept), MAX_TEXT))
        made._source, made._part, made.params = source, part, kept
        return made

    def __reduce__(self) -> Any:
        return _restore, (str(self), self.data())

    @property
    def code(self) -> str:
        """What the API says, "" where the error says it."""
        return self._source.code

    @property
    def next(self) -> Message | str:
        """The next step, "" without one."""
        return Message(self._source, "next", self.params) if self._source.next else ""

    def told(self) -> str:
        """The text in the language that is active."""
        template = self._source.template(self._part, self.params)
        words = gettext(template)
        if words == template and not any(isinstance(v, Message) for v in self.params.values()):
            return str(self)
        return excerpt(words.format_map({k: told(v) for k, v in self.params.items()}), MAX_TEXT)

    def __html__(self) -> SafeString:
        """Templates print the reader's language."""
        return escape(self.told())

    def data(self) -> dict[str, Any]:
        """What a row keeps."""
        kept = {
            name: value.data()
            if isinstance(value, Message)
            else _CONTROL.sub(" ", value)
            if isinstance(value, str)
            else value
            for name, value in self.params.items()
        }
        found: dict[str, Any] = {"code": self._source.key, "params": kept}
        if self._part != "text":
            found["part"] = self._part
        return found


class _Label(Message):
    """A label of the interface among the parameters: its English text is its template."""

    __slots__ = ()

    def told(self) -> str:
        words = gettext(self._source.text)
        return str(self) if words == self._source.text else words

    def data(self) -> dict[str, Any]:
        return {"label": self._source.text, "text": str(self)}


class _Joined(Message):
    """Several messages as one parameter; ``params`` holds them by number."""

    __slots__ = ()

    def told(self) -> str:
        return self._source.text.join(str(told(one)) for one in self.params.values())

    def data(self) -> dict[str, Any]:
        return {"joined": super().data()["params"], "by": self._source.text}


def label(words: Any, *, low: bool = False, text: str = "") -> Message:
    """A translatable label as a parameter; ``low``: in small letters, within a sentence. ``text``
    is what stands in English, where that is not the label."""
    source = english(words)
    made = str.__new__(_Label, text or (source.lower() if low else source))
    made._source, made._part, made.params = Code("", source), "text", {}
    return made


def joined(sentences: Iterable[str], by: str = " ") -> Message:
    """Messages as one, with ``by`` between them."""
    params = {str(n): _parameter(one) for n, one in enumerate(sentences)}
    made = str.__new__(_Joined, excerpt(by.join(params.values()), MAX_TEXT))
    made._source, made._part, made.params = Code("", by), "text", params
    return made


def told(*sentences: Any) -> Any:
    """Messages in the reader's language, joined by blanks; a single other value as it is."""
    if len(sentences) == 1:
        only = sentences[0]
        return only.told() if isinstance(only, Message) else only
    return " ".join(str(told(one)) for one in sentences if one)


def data(text: str) -> dict[str, Any] | None:
    """What a row keeps of ``text``, None where it is no message."""
    return text.data() if isinstance(text, Message) else None


def kept(text: str, found: Any) -> str:
    """The message that a row kept, for a page. Where it kept none, or one of a code or with
    parameters that this version does not know: ``text``, in the reader's language where it is a
    fixed sentence of ours."""
    if found:
        return _restore(text, found)
    return gettext(text) if text else ""


def of(said: str) -> str:
    """What was said without Django (core/said.py), as a message."""
    return _restore(said, said.data) if isinstance(said, Said) else said


def finding(found: Mapping[str, Any]) -> dict[str, Any]:
    """One finding of a check as a row keeps it, with ``said`` beside ``message`` and ``fix``."""
    said = {name: data(of(found[name])) for name in ("message", "fix")}
    return {**found, "message": str(found["message"]), "fix": str(found["fix"]), "said": said}


def findings(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings that a row kept, in the reader's language."""
    return [
        row
        | {
            name: told(kept(row[name], (row.get("said") or {}).get(name)))
            for name in ("message", "fix")
        }
        for row in map(dict, rows)
    ]


def _restore(text: str, found: Any) -> str:
    try:
        if "label" in found:
            return label(found["label"], text=found["text"])
        if "joined" in found:
            return joined(
                [
                    _restore("", one) if isinstance(one, dict) else one
                    for one in found["joined"].values()
                ],
                found["by"],
            )
        params = {
            name: _restore("", value) if isinstance(value, dict) else value
            for name, value in found["params"].items()
        }
        return Message(_known[found["code"]], found.get("part", "text"), params)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return str(text)


def _parameter(value: Any) -> Any:
    if isinstance(value, Said):
        return of(value)
    if isinstance(value, Message) or value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Promise):
        return label(value)
    return excerpt(str(value), MAX_TEXT)

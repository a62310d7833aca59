"""JSON from outside, read within bounds and in time that grows with the text.

RFC 8259 leaves repeated names undefined; two readers that disagree about which ``Effect`` counts
are a way around a Deny, so the reader never chooses. NaN, infinities and numbers that no database
keeps are refused for the same reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from core.said import noop as _
from core.said import sayer

#: levels; the deepest body that the API describes has 7
MAX_DEPTH = 32
#: names of objects and items of lists in one text, all levels together
MAX_MEMBERS = 20_000
#: characters of one number; a float of 64 bits has 25
MAX_NUMBER = 64

Pairs = list[tuple[str, Any]]

#: without their subject, by kind; beside each the next step
SENTENCES = {
    "JSON_ENCODING": (
        _("is not UTF-8: byte {at} cannot be read."),
        _("Send the JSON encoded as UTF-8, without a byte order mark."),
    ),
    "JSON_SYNTAX": (
        _("is not JSON: {error} at line {line}, column {column}."),
        _("Correct it there; strings need double quotes, lists no trailing comma."),
    ),
    "JSON_MANY": (
        _("has more than {members:,} names and items in all."),
        _("Send less at once."),
    ),
    "JSON_TWICE": (
        _("writes the name `{name}` more than once in one object."),
        _("Keep one of them."),
    ),
    "JSON_CONSTANT": (
        _("holds {name}, which is no JSON number."),
        _("Send null, or leave the field out."),
    ),
    "JSON_NUMBER": (
        _("has a number of more than {most} characters."),
        _("Send it as text, or smaller."),
    ),
    "JSON_DEEP": (
        _("is nested more than {depth} levels deep."),
        _("Nothing here needs that many; flatten it."),
    ),
}
say = sayer("core", SENTENCES)


class Refused(ValueError):
    """The text is no JSON, or more of it than the bounds let in.

    ``said`` is a sentence without its subject: "is not JSON: ...". ``kind`` is a stable name
    (encoding, syntax, twice, constant, number, deep, many); ``hint`` the next step; ``line`` and
    ``token`` are the place and the name where the kind has one.
    """

    def __init__(self, kind: str, *, line: int = 0, token: str = "", **params: Any) -> None:
        self.said = say(f"JSON_{kind.upper()}", line=line, **params)
        super().__init__(self.said)
        self.kind = kind
        self.hint = self.said.next
        self.line = line
        self.token = token


class Twice(dict[str, Any]):
    """A JSON object with ``duplicates``: its names that are written more than once, in order."""

    duplicates: tuple[str, ...] = ()


def read(
    source: bytes | str,
    *,
    depth: int = MAX_DEPTH,
    members: int = MAX_MEMBERS,
    keep_duplicates: bool = False,
) -> Any:
    """JSON text to data.

    With ``keep_duplicates`` objects that repeat a name come back as ``Twice`` (their last value
    stands), for callers that report every such place. The size of the text is the caller's bound.

    Raises: Refused.
    """
    try:
        text = source.decode() if isinstance(source, bytes) else source
    except UnicodeDecodeError as error:
        raise Refused("encoding", at=error.start) from None
    try:
        data = json.loads(
            text,
            object_pairs_hook=_kept if keep_duplicates else _single,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_fraction,
        )
    except json.JSONDecodeError as error:
        raise Refused(
            "syntax",
            line=error.lineno,
            error=error.msg,
            column=error.colno,
            token=text[max(0, error.pos - 10) : error.pos + 20],
        ) from None
    except (RecursionError, MemoryError):
        raise _too_deep(depth) from None
    bound(data, depth=depth, members=members)
    return data


def bound(data: Any, *, depth: int = MAX_DEPTH, members: int = MAX_MEMBERS) -> None:
    """Refuse data of more levels or members. With a list of its own: data may be deeper than
    Python's stack. Raises Refused."""
    found = 0
    level: list[Any] = [data]
    for _level in range(depth):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                found += len(value)
                inner: Iterable[Any] = value.values()
            elif isinstance(value, list):
                found += len(value)
                inner = value
            else:
                continue
            if found > members:
                raise Refused("many", members=members)
            below += [one for one in inner if isinstance(one, dict | list)]
        level = below
        if not level:
            return
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep(depth)


def repeated(names: Iterable[str]) -> tuple[str, ...]:
    """Those written more than once, in the order of their repetition."""
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for name in names:
        if name in seen:
            twice[name] = None
        seen.add(name)
    return tuple(twice)


def _kept(pairs: Pairs) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    told = Twice(result)
    told.duplicates = repeated(name for name, _value in pairs)
    return told


def _single(pairs: Pairs) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        name = repeated(name for name, _value in pairs)[0]
        raise Refused("twice", token=name[:64], name=name[:64])
    return result


def _constant(name: str) -> NoReturn:
    raise Refused("constant", token=name, name=name[:MAX_NUMBER])


def _integer(text: str) -> int:
    return int(text) if len(text) <= MAX_NUMBER else _long()


def _fraction(text: str) -> float:
    value = float(text) if len(text) <= MAX_NUMBER else _long()
    return value if math.isfinite(value) else _constant(text)


def _long() -> NoReturn:
    raise Refused("number", most=MAX_NUMBER)


def _too_deep(depth: int) -> Refused:
    return Refused("deep", depth=depth)

"""JSON bodies, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import IO, Any, NoReturn

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import JSONParser

from core.errors import AppError, Problem, ValidationFailed
from core.text import unstorable

MAX_DEPTH = 32  # the deepest body the API describes has 7 levels
MAX_PROBLEMS = 20


class BadJson(AppError):
    """The body is not JSON as RFC 8259 has it."""

    status = 400
    code = "BAD_JSON"


class StrictJSONParser(JSONParser):
    """UTF-8 JSON within bounds: no repeated names, no NaN, no text that no database can keep.

    RFC 8259 leaves repeated names undefined; of two ``Effect`` in one statement the reader must
    not choose.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        """The data. Raises BadJson, ValidationFailed, UnsupportedMediaType."""
        charset = _charset(media_type or "")
        if charset not in ("", "utf-8", "utf8"):
            raise UnsupportedMediaType(
                media_type or "", detail=f"The charset is `{charset}`; JSON is sent as UTF-8."
            )
        return read(stream.read())  # DRF has read it by then, within Django's limit


def read(raw: bytes) -> Any:
    """JSON text to data. Raises BadJson, ValidationFailed."""
    try:
        data = json.loads(raw.decode(), object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise BadJson(
            f"The body is not UTF-8: byte {error.start} cannot be read.",
            hint="Send the JSON encoded as UTF-8, without a byte order mark.",
        ) from None
    except json.JSONDecodeError as error:
        raise BadJson(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            hint="Correct it there; strings need double quotes, lists no trailing comma.",
        ) from None
    except _Refused as error:
        raise BadJson(str(error), hint=error.hint) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # the one left: an integer of more digits than Python converts
        raise BadJson(
            "A number in the body has too many digits.", hint="Send it as text, or smaller."
        ) from None
    _check(data)
    return data


class _Refused(ValueError):
    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _value in pairs]
        twice = sorted({name for name in names if names.count(name) > 1}, key=names.index)
        raise _Refused(
            f"The name `{twice[0][:64]}` is written more than once in one object.",
            "Keep one of them.",
        )
    return result


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number.", "Send null, or leave the field out.")


def _too_deep() -> BadJson:
    return BadJson(
        f"The body is nested more than {MAX_DEPTH} levels deep.",
        hint="Nothing in this API needs that many; send it flat.",
    )


def _check(data: Any) -> None:
    """Refuse depth and texts that cannot be stored, all of the latter at once.

    With a list of its own: a body may be deeper than Python's stack.
    """
    found: list[Problem] = []
    waiting: list[tuple[Any, str, int]] = [(data, "", 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, str):
            if (reason := unstorable(value)) and len(found) < MAX_PROBLEMS:
                found.append(Problem(path, reason, "UNSTORABLE_TEXT", "Take it out."))
        elif isinstance(value, dict):
            for name, one in value.items():
                if reason := unstorable(name):
                    found.append(Problem(path, f"A name in it: {reason}", "UNSTORABLE_TEXT"))
                    continue
                waiting.append((one, f"{path}.{name}" if path else name, depth + 1))
        elif isinstance(value, list):
            waiting += [(one, f"{path}[{n}]", depth + 1) for n, one in enumerate(value)]
    if found:
        found.reverse()
        raise ValidationFailed(found[0].text, problems=found[:MAX_PROBLEMS])


def _charset(media_type: str) -> str:
    for part in media_type.split(";")[1:]:
        name, _equals, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""

"""JSON bodies, read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

from typing import IO, Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import JSONParser

from console import messages
from core import codes, strict_json
from core.errors import AppError, Problem, ValidationFailed
from core.storable import unstorable

MAX_PROBLEMS = 20
MAX_SHOWN = 64  # characters of a name in the place of a problem


class BadJson(AppError):
    """The body is not JSON as RFC 8259 has it."""

    status = 400
    code = "BAD_JSON"


class StrictJSONParser(JSONParser):
    """UTF-8 JSON within the bounds of ``core.strict_json``, without text that no database keeps."""

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
        data = strict_json.read(raw)
    except strict_json.Refused as error:
        raise BadJson(messages.BAD_JSON(error=error.said), hint=codes.of(error.hint)) from None
    _check(data)
    return data


def _check(data: Any) -> None:
    """Refuse texts that cannot be stored, all at once."""
    found: list[Problem] = []
    waiting: list[tuple[Any, str]] = [(data, "")]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, str):
            if (reason := unstorable(value)) and len(found) < MAX_PROBLEMS:
                found.append(Problem(path, reason, "UNSTORABLE_TEXT", messages.TAKE_IT_OUT()))
        elif isinstance(value, dict):
            for name, one in value.items():
                if reason := unstorable(name):
                    found.append(Problem(path, messages.UNSTORABLE_NAME(reason=reason)))
                    continue
                # Cut: a long name above many items would be written once for each of them.
                shown = name[:MAX_SHOWN]
                waiting.append((one, f"{path}.{shown}" if path else shown))
        elif isinstance(value, list):
            waiting += [(one, f"{path}[{n}]") for n, one in enumerate(value)]
    if found:
        found.reverse()
        raise ValidationFailed(found[0].text, problems=found[:MAX_PROBLEMS])


def _charset(media_type: str) -> str:
    for part in media_type.split(";")[1:]:
        name, _equals, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""

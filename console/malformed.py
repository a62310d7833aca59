"""Requests that cannot be read, from any sender: what is wrong, and with which part."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from core.errors import AppError, Problem, ValidationFailed
from core.text import unstorable


class MethodNotAllowed(AppError):
    """The address exists, the method does not; ``extra['allowed']`` names those that do."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


class UnexpectedFile(MultiPartParserError):
    """A form brings a file to an address that takes none."""


class UnsupportedCharset(AppError):
    """Text in an encoding that is not ours would be stored as other text."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


def malformed(error: Exception | None) -> AppError:
    """What Django found wrong with a request, in our words."""
    if isinstance(error, RequestDataTooBig):
        found = AppError(
            f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes, the limit of "
            "a form or a JSON body.",
            code="BODY_TOO_LARGE",
            hint="Send less at once. Files go to /api/v1/buckets/{bucket}/objects/{key}.",
        )
        found.status, found.extra = 413, {"limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
        return found
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return AppError(
            f"The request has more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} fields or files.",
            code="TOO_MANY_FIELDS",
            hint="Send it in several requests.",
        )
    if isinstance(error, UnexpectedFile):
        found = AppError(
            "The form brings a file, and this address takes none.",
            code="UNEXPECTED_FILE",
            hint="Files go to /api/v1/buckets/{bucket}/objects/{key}.",
        )
        found.status = 415
        return found
    if isinstance(error, UnreadablePostError):
        return AppError(
            "The body ended before its announced length; nothing was changed.",
            code="INCOMPLETE_BODY",
            hint="Send it again.",
        )
    return AppError(
        "The request is malformed.", hint="Check its address, its headers and its form fields."
    )


def refuse_unreadable(request: HttpRequest) -> None:
    """Refuse what no view could use: text that cannot be stored in the address or the query.
    Raises ValidationFailed."""
    why = unstorable(request.path, turning=True)
    found = [Problem("", f"The address: {why}")] if why else []
    found += problems_of(request.GET, turning=True)
    if found:
        raise ValidationFailed(
            found[0].text,
            code="UNSTORABLE_TEXT",
            hint="Take it out of the address.",
            problems=found,
        )


def refuse_form(request: HttpRequest) -> None:
    """The same for a posted form. Raises UnsupportedCharset, ValidationFailed."""
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedCharset(
            f"The form's charset is `{charset[:40]}`; a form is sent as UTF-8.",
            hint="Send it from the console's own page.",
        )
    found = list(problems_of(request.POST))
    if found:
        raise ValidationFailed(found[0].text, code="UNSTORABLE_TEXT", problems=found)


def problems_of(fields: QueryDict, *, turning: bool = False) -> Iterator[Problem]:
    """What is wrong with names and values of a query or a form."""
    for name, values in fields.lists():
        for text in (name, *values):
            if isinstance(text, str) and (why := unstorable(text, turning=turning)):
                yield Problem(ascii(name)[1:-1][:64], why, "UNSTORABLE_TEXT", "Take it out.")
                break

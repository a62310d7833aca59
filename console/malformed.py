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

from console import messages
from core.errors import AppError, Problem, ValidationFailed
from core.storable import unstorable


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
        found = AppError(messages.BODY_TOO_LARGE(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        found.status, found.extra = 413, {"limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
        return found
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return AppError(messages.TOO_MANY_FIELDS(most=settings.DATA_UPLOAD_MAX_NUMBER_FIELDS))
    if isinstance(error, UnexpectedFile):
        found = AppError(messages.UNEXPECTED_FILE())
        found.status = 415
        return found
    if isinstance(error, UnreadablePostError):
        return AppError(messages.INCOMPLETE_BODY())
    return AppError(messages.REQUEST_MALFORMED())


def refuse_unreadable(request: HttpRequest) -> None:
    """Refuse what no view could use: text that cannot be stored in the address or the query.
    Raises ValidationFailed."""
    why = unstorable(request.path, turning=True)
    found = [Problem("", messages.ADDRESS(why=why))] if why else []
    found += problems_of(request.GET, turning=True)
    if found:
        raise ValidationFailed(
            found[0].text,
            code="UNSTORABLE_TEXT",
            hint=messages.TAKE_IT_OUT_OF_ADDRESS(),
            problems=found,
        )


def refuse_form(request: HttpRequest) -> None:
    """The same for a posted form. Raises UnsupportedCharset, ValidationFailed."""
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedCharset(messages.FORM_CHARSET(charset=charset[:40]))
    found = list(problems_of(request.POST))
    if found:
        raise ValidationFailed(found[0].text, code="UNSTORABLE_TEXT", problems=found)


def problems_of(fields: QueryDict, *, turning: bool = False) -> Iterator[Problem]:
    """What is wrong with names and values of a query or a form."""
    for name, values in fields.lists():
        for text in (name, *values):
            if isinstance(text, str) and (why := unstorable(text, turning=turning)):
                yield Problem(
                    ascii(name)[1:-1][:64], why, "UNSTORABLE_TEXT", messages.TAKE_IT_OUT()
                )
                break

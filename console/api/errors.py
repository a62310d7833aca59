"""Errors as JSON: {error_code, error_msg, request_id, hint?, problems?, explanation?}."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.response import Response

from console import messages
from console.malformed import malformed
from core import audit, outage
from core.actor import ANONYMOUS
from core.errors import (
    AccessDenied,
    AppError,
    NotAuthenticated,
    NotFound,
    Problem,
    Unavailable,
    ValidationFailed,
)

log = logging.getLogger("modelyard.api")

HINTS = {
    405: "The Allow header names the methods of this address.",
    406: "Send Accept: application/json, or none.",
    415: "Send Content-Type: application/json.",
}


def body(error: AppError, request_id: str) -> dict[str, Any]:
    """The JSON of one error."""
    answer: dict[str, Any] = {
        "error_code": error.code,
        "error_msg": error.message,
        "request_id": request_id,
    }
    if error.hint:
        answer["hint"] = error.hint
    if error.problems:
        answer["problems"] = [
            {"field": p.field, "code": p.code, "text": p.text, "next": p.next}
            for p in error.problems
        ]
    if isinstance(error, AccessDenied):
        answer["explanation"] = error.decision.explanation()
    if error.extra:
        answer |= {k: v for k, v in error.extra.items() if k not in answer}
    return answer


def answer(request: HttpRequest, error: AppError) -> JsonResponse:
    """The same outside a DRF view."""
    response = JsonResponse(body(error, getattr(request, "request_id", "")), status=error.status)
    _when_again(response, error)
    return response


def _when_again(response: HttpResponseBase, error: AppError) -> None:
    if "retry_after" in error.extra:
        response["Retry-After"] = str(error.extra["retry_after"])


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: everything a caller can cause becomes a uniform answer.

    What is left returns None: Django logs it and answers 500.
    """
    request = context["request"]
    error = translate(exc)
    if error is None:
        return None
    if isinstance(error, Unavailable):
        log.warning("%s %s: %s: %s", request.method, request.path, error.code, exc)
    if isinstance(error, AccessDenied):
        audit.record_denial(
            getattr(request._request, "actor", ANONYMOUS), error.decision, error.target
        )
    response = Response(
        body(error, getattr(request._request, "request_id", "")), status=error.status
    )
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="modelyard"'
    _when_again(response, error)
    return response


def translate(exc: Exception) -> AppError | None:
    """What a caller can cause or should wait for as an AppError, else None."""
    if isinstance(exc, AppError):
        return exc
    if isinstance(exc, exceptions.ValidationError):
        problems = problems_of(exc)
        return ValidationFailed(
            problems[0].text if problems else messages.BAD_INPUT(), problems=problems
        )
    if isinstance(exc, Http404 | exceptions.NotFound):
        return NotFound()
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return NotAuthenticated(str(exc.detail), hint=messages.SIGN_IN_FIRST().next)
    if isinstance(exc, exceptions.PermissionDenied | PermissionDenied):
        error = AppError(str(exc) or messages.FORBIDDEN(), code="FORBIDDEN")
        error.status = 403
        return error
    if isinstance(exc, SuspiciousOperation | UnreadablePostError | MultiPartParserError):
        return malformed(exc)
    if isinstance(exc, exceptions.APIException):
        error = AppError(
            str(exc.detail), code=str(exc.default_code).upper(), hint=HINTS.get(exc.status_code, "")
        )
        error.status = exc.status_code
        return error
    return outage.of(exc)


def problems_of(error: exceptions.ValidationError) -> list[Problem]:
    """What a serializer found, one problem per message."""
    return list(_flatten(error.get_full_details()))


def _flatten(details: Any, path: str = "") -> Any:
    if isinstance(details, dict) and "message" in details and "code" in details:
        field = "" if path == "non_field_errors" else path
        yield Problem(field, str(details["message"]), str(details["code"]).upper())
    elif isinstance(details, dict):
        for key, value in details.items():
            yield from _flatten(value, f"{path}.{key}" if path else str(key))
    elif isinstance(details, list):
        for value in details:
            yield from _flatten(value, path)

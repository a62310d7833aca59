"""What every request gets: an id, safe headers, and one place where errors become answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from console.malformed import malformed, refuse_unreadable
from console.pages import errors
from core import deadline, outage
from core.errors import AppError

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_GIVEN_ID = re.compile(r"[0-9A-Za-z_.-]{8,64}")

CSP = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


class RequestIdMiddleware:
    """``request.request_id``: the caller's X-Request-Id where it is well-formed, else a new one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-Id", "")
        request.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class HeadersMiddleware:
    """Content security policy everywhere; no caching of anything behind the sign-in."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), microphone=(), geolocation=()"
        )
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class LanguageMiddleware(LocaleMiddleware):
    """Pages speak the reader's language, the API English: programs compare what it says."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language of this request."""
        if not request.path_info.startswith("/api/"):
            return super().process_request(request)
        translation.activate("en")
        request.LANGUAGE_CODE = "en"
        return None


class DeadlineMiddleware:
    """Ends a request that asks the database for longer than ``MODELYARD_REQUEST_SECONDS``.

    Bodies that a view streams have rules of their own, and so has an answer that streams.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if getattr(request, "body_streams", False):
            return self.get_response(request)
        with deadline.within(settings.MODELYARD_REQUEST_SECONDS):
            return self.get_response(request)


class ErrorMiddleware:
    """Turns the errors of core.errors into pages; the API has its own handler."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            refuse_unreadable(request)
        except AppError as error:
            return errors.answer(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, AppError):
            return errors.page(request, error)
        if isinstance(error, UnreadablePostError):
            return errors.answer(request, malformed(error))
        away = outage.of(error)
        return None if away is None else errors.unavailable(request, away)

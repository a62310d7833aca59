"""Error pages: what happened, the rule behind it, and the next step."""

from __future__ import annotations

import logging
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from console import messages
from console.malformed import malformed
from core import audit, outage
from core.actor import ANONYMOUS
from core.errors import AccessDenied, AppError, NotFound, Unavailable

log = logging.getLogger("modelyard.errors")

TEMPLATES = {400, 403, 404, 409, 412, 413, 415, 429, 500}


def page(request: HttpRequest, error: AppError) -> HttpResponse:
    """The page of an application error; a denial is audited here, after any roll-back."""
    if isinstance(error, Unavailable):
        return unavailable(request, error)
    context: dict[str, Any] = {"error": error, "status_code": error.status}
    if isinstance(error, AccessDenied):
        audit.record_denial(getattr(request, "actor", ANONYMOUS), error.decision, error.target)
        context["decision"] = error.decision
    context |= frame(request)
    back = came_from(request)
    context["back_url"] = "" if back == request.get_full_path() else back
    name = {401: "403", 428: "409"}.get(error.status, str(error.status))
    if int(name) not in TEMPLATES:
        name = "other"
    return render(request, f"errors/{name}.html", context, status=error.status)


def frame(request: HttpRequest) -> dict[str, str]:
    """Menu, search and account around an error, for who is signed in."""
    actor = getattr(request, "actor", ANONYMOUS)
    return {"error_frame": "base.html"} if actor.is_user and not actor.must_change_password else {}


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 for unknown addresses: the same page as for things that are not yours."""
    return answer(request, NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What Django refused before any view saw it."""
    return answer(request, malformed(exception))


def answer(request: HttpRequest, error: AppError) -> HttpResponse:
    """A page, or JSON below /api/."""
    if request.path.startswith("/api/"):
        from console.api import errors as api

        return api.answer(request, error)
    return page(request, error)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 without touching anything that may be what is broken; 503 where a part is away."""
    problem = sys.exc_info()[1]
    away = outage.of(problem) if problem is not None else None
    if away is not None:
        return unavailable(request, away)
    error = AppError(messages.INTERNAL())
    error.status, error.code = 500, "INTERNAL"
    if request.path.startswith("/api/"):
        return answer(request, error)
    # Without the request's context processors: the menu and its badges would ask the database.
    return HttpResponse(
        render_to_string("errors/500.html", plain_context(request, error)), status=500
    )


def unavailable(request: HttpRequest, error: Unavailable) -> HttpResponse:
    """503 with Retry-After, drawn without the frame: menu and badges would ask the database."""
    if request.path.startswith("/api/"):
        from console.api import errors as api

        return api.answer(request, error)
    page = render_to_string("errors/503.html", plain_context(request, error))
    response = HttpResponse(page, status=error.status)
    response["Retry-After"] = str(error.extra.get("retry_after", outage.RETRY_AFTER))
    return response


def plain_context(request: HttpRequest, error: AppError) -> dict[str, Any]:
    """What an error page needs that is drawn without asking anything."""
    return {
        "error": error,
        "status_code": error.status,
        "request": request,
        "product_version": settings.VERSION,
    }


def came_from(request: HttpRequest) -> str:
    """Path of the page that sent this request, "" where it is not a page of this console."""
    sent = request.headers.get("Referer", "")
    try:
        hosts = {request.get_host()}
    except DisallowedHost:
        return ""
    if not sent.isprintable() or not url_has_allowed_host_and_scheme(
        sent, hosts, require_https=request.is_secure()
    ):
        return ""
    parts = urlsplit(sent)
    path = urlunsplit(("", "", parts.path, parts.query, ""))
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, None) else ""


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    error = AppError(messages.CSRF())
    error.status = 403
    log.info("csrf: %s", reason)
    return render(
        request,
        "errors/csrf.html",
        {"error": error, "status_code": 403, "back_url": came_from(request), **frame(request)},
        status=403,
    )

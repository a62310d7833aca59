"""Error pages: what happened, the rule behind it, and the next step."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from console.malformed import malformed
from core import audit, outage
from core.actor import ANONYMOUS
from core.errors import AccessDenied, AppError, NotFound, Unavailable

log = logging.getLogger("modelyard.errors")

TEMPLATES = {400, 403, 404, 409, 412, 429, 500}


def page(request: HttpRequest, error: AppError) -> HttpResponse:
    """The page of an application error; a denial is audited here, after any roll-back."""
    if isinstance(error, Unavailable):
        return unavailable(request, error)
    context: dict[str, Any] = {"error": error, "status_code": error.status}
    if isinstance(error, AccessDenied):
        audit.record_denial(getattr(request, "actor", ANONYMOUS), error.decision, error.target)
        context["decision"] = error.decision
    name = {401: "403", 428: "409"}.get(error.status, str(error.status))
    if int(name) not in TEMPLATES:
        name = "other"
    return render(request, f"errors/{name}.html", context, status=error.status)


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
    error = AppError("Something went wrong on our side; the request id below finds it in the log.")
    error.status, error.code = 500, "INTERNAL"
    if request.path.startswith("/api/"):
        return answer(request, error)
    return render(request, "errors/500.html", {"error": error, "status_code": 500}, status=500)


def unavailable(request: HttpRequest, error: Unavailable) -> HttpResponse:
    """503 with Retry-After, drawn without the frame: menu and badges would ask the database."""
    if request.path.startswith("/api/"):
        from console.api import errors as api

        return api.answer(request, error)
    context = {
        "error": error,
        "status_code": error.status,
        "request": request,
        "product_version": settings.VERSION,
    }
    response = HttpResponse(render_to_string("errors/503.html", context), status=error.status)
    response["Retry-After"] = str(error.extra.get("retry_after", outage.RETRY_AFTER))
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    error = AppError(
        "This form is out of date, so nothing was changed.",
        code="CSRF",
        hint="Go back, reload the page and send it again. If you signed out in another tab, "
        "sign in first.",
    )
    error.status = 403
    log.info("csrf: %s", reason)
    return render(
        request,
        "errors/403.html",
        {"error": error, "status_code": 403, "decision": None},
        status=403,
    )

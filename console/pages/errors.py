"""Error pages: what happened, the rule behind it, and the next step."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core import audit
from core.actor import ANONYMOUS
from core.errors import AccessDenied, AppError, NotFound

log = logging.getLogger("modelyard.errors")

TEMPLATES = {400, 403, 404, 409, 412, 429, 500}


def page(request: HttpRequest, error: AppError) -> HttpResponse:
    """The page of an application error; a denial is audited here, after any roll-back."""
    context: dict[str, Any] = {"error": error, "status_code": error.status}
    if isinstance(error, AccessDenied):
        audit.record_denial(getattr(request, "actor", ANONYMOUS), error.decision, error.target)
        context["decision"] = error.decision
    status = error.status if error.status in TEMPLATES else 400
    if error.status in (401, 428, 503):
        status = {401: 403, 428: 409, 503: 500}[error.status]
    return render(request, f"errors/{status}.html", context, status=error.status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 for unknown addresses: the same page as for things that are not yours."""
    if request.path.startswith("/api/"):
        from console.api.errors import answer

        return answer(request, NotFound())
    return page(request, NotFound())


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, AppError("The request is malformed."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500 without touching anything that may be what is broken."""
    error = AppError("Something went wrong on our side; the request id below finds it in the log.")
    error.status, error.code = 500, "INTERNAL"
    if request.path.startswith("/api/"):
        from console.api.errors import answer

        return answer(request, error)
    return render(request, "errors/500.html", {"error": error, "status_code": 500}, status=500)


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

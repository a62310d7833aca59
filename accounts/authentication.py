"""How the API knows its caller: what ActorMiddleware found, in Django REST framework's terms."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from core.actor import ANONYMOUS, Actor


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer my_...``. The first class, so a refused token is 401."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        error = getattr(request._request, "bearer_error", None)
        if error is not None:
            raise error
        actor: Actor = getattr(request._request, "actor", ANONYMOUS)
        if actor.via not in ("token", "credential"):
            return None
        return actor, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="modelyard"'


class ConsoleSessionAuthentication(BaseAuthentication):
    """A browser that is signed in to the console; every unsafe method needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        actor: Actor = getattr(request._request, "actor", ANONYMOUS)
        if not actor.is_user or actor.via != "console":
            return None
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        check.process_request(request._request)
        reason = check.process_view(request._request, None, (), {})  # type: ignore[arg-type]
        if reason:
            raise PermissionDenied(f"CSRF: {reason}")
        return actor, actor


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names the bearer token."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "my_<id>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names the console's session."""

    target_class = "accounts.authentication.ConsoleSessionAuthentication"
    name = "console"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}

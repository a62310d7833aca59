"""The API's default: a view that declares nothing serves nobody."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core import access
from core.actor import ANONYMOUS
from core.errors import AccessDenied, NotAuthenticated


class DeclaredAction(BasePermission):
    """Asks nothing itself: checks that the view says what is asked, and that somebody asks.

    A view declares ``declared``: mapping of DRF action or lower-case method -> IAM action,
    ``"resource:<verb>"`` (asked by the service about the object), ``"signed-in: <reason>"`` or
    ``"public: <reason>"``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        name = getattr(view, "action", None) or (request.method or "").lower()
        rule = getattr(view, "declared", {}).get(name)
        if rule is None:
            return name in ("options", "metadata")
        if rule.startswith("public:"):
            return True
        actor = getattr(request._request, "actor", ANONYMOUS)
        if not actor.is_user:
            raise NotAuthenticated(
                "Sign in first.", hint="Send `Authorization: Bearer <API token>`."
            )
        if actor.must_change_password and not rule.startswith("signed-in: own password"):
            raise AccessDenied(
                access.Decision(
                    False,
                    rule,
                    "password",
                    "The first password must be changed before anything else.",
                    missing="POST /api/v1/auth/password",
                )
            )
        if not rule.startswith(("resource:", "signed-in:")):
            access.authorize(actor, rule)
        return True

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
        declared = getattr(view, "declared", {})
        rule = declared.get(name) or (declared.get("get") if name == "head" else None)
        if rule is None:
            # A method that the address does not have is answered 405, which DRF does after this.
            method = (request.method or "").lower()
            return (
                method == "options"
                or method not in view.http_method_names
                or (not hasattr(view, method))
            )
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

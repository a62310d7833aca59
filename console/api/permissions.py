"""What a view of the API declares: a view that declares nothing refuses everyone."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from console import messages
from core import access, rules
from core.actor import ANONYMOUS
from core.errors import AccessDenied, NotAuthenticated

RESOURCE = "resource:"
#: a rule that asks for nothing says why
REASONED = ("public:", "signed-in:")


def rule_of(view: Any, request: Request) -> str | None:
    """What ``view`` declares for this request; None for a method that it does not have."""
    method = (request.method or "").lower()
    name = getattr(view, "action_map", {}).get(method, method)
    declared = getattr(view, "declared", {})
    return declared.get(name) or (declared.get("get") if name == "head" else None)


class DeclaredAction(BasePermission):
    """Asks what a view declares about the actor's own account.

    A view declares ``declared``: mapping of DRF action or lower-case method -> IAM action,
    ``"resource:<verb>"`` (asked about the object, by ``console.api.declared``),
    ``"within:<IAM action>"`` (asked by the service about what only it can find; the view looks
    that it was asked), ``"signed-in: <reason>"`` or ``"public: <reason>"``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        rule = rule_of(view, request)
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
            raise NotAuthenticated(messages.SIGN_IN_FIRST())
        if actor.must_change_password and not (standing := access.standing(actor)).allowed:
            raise AccessDenied(standing)
        if not rule.startswith((RESOURCE, rules.WITHIN, *REASONED)):
            access.authorize(actor, rule)
        return True

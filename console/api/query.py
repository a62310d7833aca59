"""Query parameters of the API: one that an address does not know is an error, as in a body.

A filter that is silently ignored answers with everything.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from console import messages
from console.filters import filterset_class
from core.codes import joined
from core.errors import Problem, ValidationFailed

PAGE = frozenset({"limit", "offset"})
LIST = frozenset({"scope", "region", "sort"})


def known(view: Any, method: str) -> frozenset[str]:
    """The parameters that the operation of ``view`` (for a view without actions: ``method``, lower
    case) takes.

    A list takes those of its pages and, of a resource type, those of its filters. Beyond that a
    view says in ``query`` what its methods or actions take: ``{"get": {"type"}}``.
    """
    name = getattr(view, "action", None) or method
    found = frozenset(getattr(view, "query", {}).get("get" if name == "head" else name, ()))
    if name == "list":
        if getattr(view, "pagination_class", None) is not None:
            found |= PAGE
        if getattr(view, "spec", None) is not None:
            found |= LIST | set(filterset_class(view.spec).base_filters)
    return found


class KnownQuery(BasePermission):
    """Asked once it is clear who calls, before the handler. Raises ValidationFailed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        names = known(view, (request.method or "").lower())
        unknown = sorted(set(request.query_params) - names)
        if unknown:
            text = messages.UNKNOWN_PARAMETER(known=", ".join(sorted(names)) or "none")
            problems = [Problem(name[:64], text) for name in unknown[:20]]
            raise ValidationFailed(joined([f"“{unknown[0][:64]}”:", text]), problems=problems)
        return True

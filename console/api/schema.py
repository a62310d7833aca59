"""OpenAPI details that the declarations already know."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from console.api.query import PAGE, known


class FieldProblemSerializer(serializers.Serializer[Any]):
    """One thing wrong with one field; "" is the whole input."""

    field = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    text = serializers.CharField()
    next = serializers.CharField(allow_blank=True)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of the API. ``error_code`` is stable, ``error_msg`` is for people; some errors
    carry more names, such as used and limit of a quota."""

    error_code = serializers.CharField()
    error_msg = serializers.CharField()
    request_id = serializers.CharField()
    hint = serializers.CharField(required=False)
    problems = FieldProblemSerializer(many=True, required=False)
    explanation = serializers.DictField(required=False)


#: what any operation may answer
ALWAYS = {
    400: "The input breaks a rule; `problems` names every one.",
    401: "No valid sign-in.",
    403: "Seen, but not allowed; `explanation` says what is missing.",
    404: "Not there, or not yours to see: the same answer.",
    405: "The address does not have this method; the Allow header names those it has.",
    411: "A body without Content-Length.",
    503: "A part of the platform does not answer right now.",
}
#: what operations that change something may answer besides
CHANGING = {
    409: "Not possible in this state, a limit is reached, or somebody else was first.",
    412: "If-Match names a version that is no longer current.",
    413: "The body is too large.",
    415: "The body is not `application/json` in UTF-8.",
    428: "If-Match is required.",
    429: "Too many attempts; Retry-After says how many seconds to wait.",
    507: "No room for these bytes.",
}


class ModelyardSchema(AutoSchema):
    """Stable operation ids and tags from slugs; verbs named as declared; errors of one shape."""

    def get_tags(self) -> list[str]:
        spec = getattr(self.view, "spec", None)
        return [spec.slug] if spec is not None else super().get_tags()

    def get_operation_id(self) -> str:
        spec = getattr(self.view, "spec", None)
        verb = getattr(self.view, "verb", "")
        action = getattr(self.view, "action", "") or ""
        if spec is None or action not in (
            "list",
            "retrieve",
            "create",
            "partial_update",
            "destroy",
            "perform",
        ):
            return super().get_operation_id()
        return f"{spec.slug}_{verb or action}".replace("-", "_")

    def get_override_parameters(self) -> list[Any]:
        """What a view declares, and the filters of a list, which follow from its type."""
        declared = super().get_override_parameters()
        if getattr(self.view, "action", "") != "list" or getattr(self.view, "spec", None) is None:
            return declared
        more = known(self.view, "get") - PAGE - {getattr(one, "name", "") for one in declared}
        return [*declared, *(OpenApiParameter(name, str) for name in sorted(more))]

    def get_response_serializers(self) -> Any:
        view: Any = self.view
        if getattr(view, "spec", None) is None or view.action not in (
            "create",
            "partial_update",
            "perform",
        ):
            return super().get_response_serializers()
        sent = getattr(view, "created_class", None) or view.serializer_class
        return {"201": sent} if view.action == "create" else sent

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        """What the view declares, and the errors every view shares."""
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if self._sends_ranges():
            responses["206"] = responses["200"] | {"description": "The range asked for."}
        if self._sends_ranges() or getattr(self.view, "action", "") == "retrieve":
            responses["304"] = {"description": "Not changed since the ETag in If-None-Match."}
        for code, description in self._errors().items():
            declared = responses.get(str(code), {})
            responses[str(code)] = {
                "description": declared.get("description") or description,
                "content": {"application/json": {"schema": self._error().ref}},
            }
        return responses

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Lists are objects with ``items`` here; only paginated ones are wrapped by spectacular."""
        paged = getattr(self.view, "pagination_class", None) is not None
        return paged and bool(super()._is_list_view(serializer))

    def _errors(self) -> dict[int, str]:
        found = dict(ALWAYS)
        if self.method != "GET":
            found |= CHANGING
        elif self._sends_ranges():
            found[416] = "The asked range lies beyond the end."
        return found

    def _sends_ranges(self) -> bool:
        return self.method == "GET" and any(p["name"] == "Range" for p in self._get_parameters())

    def _error(self) -> ResolvedComponent:
        found: ResolvedComponent = self.resolve_serializer(ErrorSerializer(), "response")
        return found

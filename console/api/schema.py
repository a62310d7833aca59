"""OpenAPI details that the declarations already know."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema


class ModelyardSchema(AutoSchema):
    """Stable operation ids and tags from slugs; verbs named as declared."""

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

    def get_response_serializers(self) -> Any:
        if getattr(self.view, "spec", None) is None or self.view.action not in (
            "create",
            "partial_update",
            "perform",
        ):
            return super().get_response_serializers()
        sent = getattr(self.view, "created_class", None) or self.view.serializer_class
        return {"201": sent} if self.view.action == "create" else sent

"""Pages of API lists: ?limit=&offset= -> {total, count, limit, offset, items}."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


class Pagination(BasePagination):
    """The shape that ModelArts' training API uses."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.limit = self._number(request, "limit", 20, 1, MAX_LIMIT)
        self.offset = self._number(request, "offset", 0, 0, MAX_OFFSET)
        self.total = queryset.count()
        self.items = list(queryset[self.offset : self.offset + self.limit])
        return self.items

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "total": self.total,
                "count": len(data),
                "limit": self.limit,
                "offset": self.offset,
                "items": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        number = {"type": "integer"}
        return {
            "type": "object",
            "required": ["total", "count", "limit", "offset", "items"],
            "properties": {
                "total": number,
                "count": number,
                "limit": number,
                "offset": number,
                "items": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20},
            },
            {
                "name": "offset",
                "in": "query",
                "required": False,
                "schema": {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
            },
        ]

    @staticmethod
    def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
        text = request.query_params.get(name, "")
        if not text:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise ValidationError({name: f"A whole number from {low} to {high}."})
        return int(text)

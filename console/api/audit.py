"""The audit trail of one's own account over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from core.models import AuditRecord


class AuditSerializer(serializers.ModelSerializer[AuditRecord]):
    """One audit row."""

    class Meta:
        model = AuditRecord
        fields = (
            "uid",
            "at",
            "actor_kind",
            "actor_label",
            "via",
            "source_ip",
            "request_id",
            "event",
            "action",
            "resource_type",
            "resource_id",
            "resource_name",
            "result",
            "decision_id",
            "message",
            "before",
            "after",
        )
        read_only_fields = fields


class AuditViewSet(viewsets.GenericViewSet):  # type: ignore[type-arg]
    """Read only; asked as ``cts:trace:list``."""

    serializer_class = AuditSerializer
    declared: ClassVar[dict[str, str]] = {"list": "cts:trace:list"}
    queryset = AuditRecord.objects.none()

    @extend_schema(
        operation_id="audit_records_list",
        parameters=[
            OpenApiParameter("resource_id", str),
            OpenApiParameter("event", str),
            OpenApiParameter("result", str, enum=AuditRecord.Result.values),
        ],
    )
    def list(self, request: Request) -> Response:
        account = request._request.actor.account_id  # type: ignore[attr-defined]
        rows: Any = AuditRecord.objects.filter(account_id=account).order_by("-id")
        for name in ("resource_id", "event", "result"):
            if value := request.query_params.get(name, ""):
                rows = rows.filter(**{name: value[:64]})
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AuditSerializer(page, many=True).data)

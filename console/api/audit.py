"""The audit trail of one's own account over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from core import event_names, registry
from core.models import AuditRecord


class AuditSerializer(serializers.ModelSerializer[AuditRecord]):
    """One audit row. ``vendor_type``: the resource type in the vendor's tables of audit events, ""
    for what they do not have."""

    event = serializers.SerializerMethodField()
    vendor_type = serializers.SerializerMethodField()

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
            "vendor_type",
            "resource_id",
            "resource_name",
            "result",
            "decision_id",
            "message",
            "before",
            "after",
        )
        read_only_fields = fields

    def get_event(self, record: AuditRecord) -> str:
        return event_names.present(record.event, record.action)

    def get_vendor_type(self, record: AuditRecord) -> str:
        try:
            return registry.spec_by_type(record.resource_type).trail_type
        except KeyError:
            return ""


class AuditViewSet(viewsets.GenericViewSet):  # type: ignore[type-arg]
    """Read only; asked as ``cts:trace:list``."""

    serializer_class = AuditSerializer
    declared: ClassVar[dict[str, str]] = {"list": "cts:trace:list"}
    query: ClassVar = {"list": frozenset({"resource_id", "vendor_type", "event", "result"})}
    queryset = AuditRecord.objects.none()

    @extend_schema(
        operation_id="audit_records_list",
        parameters=[
            OpenApiParameter("resource_id", str),
            OpenApiParameter("event", str),
            OpenApiParameter("vendor_type", str, description="e.g. ModelArtsTrainJob"),
            OpenApiParameter("result", str, enum=AuditRecord.Result.values),
        ],
    )
    def list(self, request: Request) -> Response:
        account = request._request.actor.account_id  # type: ignore[attr-defined]
        rows: Any = AuditRecord.objects.filter(account_id=account).order_by("-id")
        for name in ("resource_id", "result"):
            if value := request.query_params.get(name, ""):
                rows = rows.filter(**{name: value[:64]})
        if event := request.query_params.get("event", ""):
            rows = rows.filter(event_names.called(event[:64]))
        if vendor := request.query_params.get("vendor_type", ""):
            rows = rows.filter(resource_type__in=registry.trail_types().get(vendor, ()))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AuditSerializer(page, many=True).data)

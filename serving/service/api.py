"""The API of services."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compute.api import LogMarkSerializer
from console.api.fields import Tags
from console.api.viewsets import ResourceInput, ResourceViewSet, StatefulSerializer
from core import printed
from core.errors import ValidationFailed
from serving import messages
from serving.service import services
from serving.service.models import MAX_REPLICAS, Instance, Service


class InstanceSerializer(serializers.Serializer[Any]):
    """One model server process."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.CharField()
    stage = serializers.CharField()
    started_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    message = serializers.CharField()


class ServiceSerializer(StatefulSerializer):
    """A service as sent."""

    model_id = serializers.UUIDField(allow_null=True)
    model = serializers.CharField(source="model_label")
    model_account_id = serializers.CharField()
    engine = serializers.CharField()
    flavor = serializers.CharField()
    pool = serializers.CharField()
    replicas = serializers.IntegerField()
    ready_replicas = serializers.SerializerMethodField()
    access_address = serializers.SerializerMethodField()
    config = serializers.DictField()
    detail = serializers.DictField()

    def get_ready_replicas(self, obj: Service) -> int:
        return ready_count(obj)

    def get_access_address(self, obj: Service) -> str:
        """Where predictions are sent."""
        return address(obj)


def ready_count(service: Service) -> int:
    """Ready instances; lists bring the number along with the row."""
    counted = getattr(service, "ready_count", None)
    if counted is None:
        return Instance.objects.filter(service=service, state=Instance.State.READY).count()
    return int(counted)


def address(service: Service) -> str:
    """Address of a service at the gateway."""
    return f"{settings.GATEWAY_URL}/v1/infers/{service.pk}/"


class ServiceInput(ResourceInput):
    """A service as accepted."""

    model = serializers.UUIDField()
    flavor = serializers.CharField(max_length=64, required=False)
    pool = serializers.CharField(max_length=64, required=False)
    replicas = serializers.IntegerField(min_value=1, max_value=MAX_REPLICAS, required=False)


class ServiceChange(serializers.Serializer[Any]):
    """What may change."""

    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)
    replicas = serializers.IntegerField(min_value=1, max_value=MAX_REPLICAS, required=False)


class ServiceViewSet(ResourceViewSet):
    """Services, their instances and logs."""

    serializer_class = ServiceSerializer
    input_class = ServiceInput
    update_class = ServiceChange
    declared: ClassVar = {
        **ResourceViewSet.declared,
        "instances": "resource:get",
        "logs": "resource:logs",
    }
    query: ClassVar = {"logs": frozenset({"offset", "instance"})}

    @extend_schema(
        operation_id="services_instances",
        responses=inline_serializer("InstanceList", {"items": InstanceSerializer(many=True)}),
    )
    def instances(self, request: Request, pk: str) -> Response:
        """All instances, also those that ended, with the reason."""
        service = self.obj
        rows = list(Instance.objects.filter(service=service))
        if not printed.readable(self.actor, service):
            for row in rows:
                row.message = "" if row.reason else row.message
        return Response({"items": InstanceSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="services_logs",
        parameters=[OpenApiParameter("offset", int), OpenApiParameter("instance", str)],
        responses=inline_serializer(
            "ServiceLog",
            {
                "text": serializers.CharField(),
                "marks": LogMarkSerializer(many=True),
                "next": serializers.IntegerField(),
                "eof": serializers.BooleanField(),
            },
        ),
    )
    def logs(self, request: Request, pk: str) -> Response:
        """A part of an instance's log from ``offset`` (bytes). What ``marks`` does not name is the
        program's own text, whatever it looks like."""
        service = self.obj
        text = request.query_params.get("offset", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 15:
            raise ValidationFailed.of("offset", messages.WHOLE_NUMBER())
        wanted = request.query_params.get("instance", "")
        return Response(services.log_chunk(service, wanted, int(text), 65536))

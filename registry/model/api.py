"""The API of models."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.fields import Tags
from console.api.viewsets import ResourceInput, ResourceViewSet, StatefulSerializer
from core.actor import Actor
from registry.model import services
from registry.model.models import Model, ModelFile
from storage.object import transfer

SERVICE_LABEL = "serving.service:"  # what a service's background credential is bound to


class ModelSerializer(StatefulSerializer):
    """A model as sent."""

    model_version = serializers.CharField()
    model_type = serializers.CharField()
    engine = serializers.CharField()
    size = serializers.IntegerField()
    config = serializers.DictField()
    problems = serializers.ListField(child=serializers.DictField())
    source = serializers.SerializerMethodField()  # type: ignore[assignment]

    def get_source(self, obj: Model) -> dict[str, str]:
        """Where the files were taken from; a consumer does not learn the owner's paths."""
        actor: Actor = self.context["request"]._request.actor
        return obj.source if obj.account_id == actor.account_id else {}


class ModelInput(ResourceInput):
    """A model as accepted: a training job, or bucket and prefix."""

    model_version = serializers.CharField(max_length=20, required=False, allow_blank=True)
    training_job = serializers.UUIDField(required=False)
    bucket = serializers.CharField(max_length=63, required=False)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)


class ModelChange(serializers.Serializer[Any]):
    """What may change."""

    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)


class ModelViewSet(ResourceViewSet):
    """Models, and the files of each."""

    serializer_class = ModelSerializer
    input_class = ModelInput
    update_class = ModelChange
    declared: ClassVar = {
        **ResourceViewSet.declared,
        "files": "resource:get",
        "file": "resource:export",
    }

    def verb_of(self, declared: str) -> str:
        """People need the right to export a file; a service's own background credential needs the
        right to deploy, which a share may give without export."""
        actor = self.actor
        serving = actor.via == "credential" and actor.bound_to.startswith(SERVICE_LABEL)
        return "deploy" if serving and declared == "export" else super().verb_of(declared)

    @extend_schema(
        operation_id="models_files",
        responses=inline_serializer(
            "ModelFiles",
            {
                "items": inline_serializer(
                    "ModelFileItem",
                    {
                        "path": serializers.CharField(),
                        "size": serializers.IntegerField(),
                        "sha256": serializers.CharField(),
                    },
                    many=True,
                )
            },
        ),
    )
    def files(self, request: Request, pk: str) -> Response:
        """Paths, sizes and digests."""
        rows = ModelFile.objects.filter(model=self.obj)
        return Response({"items": list(rows.values("path", "size", "sha256"))})

    @extend_schema(
        operation_id="models_file",
        parameters=[OpenApiParameter("path", str, OpenApiParameter.PATH)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def file(self, request: Request, pk: str, path: str) -> HttpResponseBase:
        """The bytes of one file."""
        row = services.file_of(self.obj, path)
        return transfer.send(
            request._request,
            row.blob,
            row.path.rpartition("/")[2],
            content_type="application/octet-stream",
            modified=row.blob.created_at.timestamp(),
            ask=self.asked.again,
        )

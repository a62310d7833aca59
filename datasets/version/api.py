"""API of dataset versions, and their files for who may see or use the dataset."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.fields import Tags
from console.api.viewsets import ResourceViewSet, StatefulSerializer
from datasets import queries
from storage.object import transfer
from storage.object.api import RANGE, ObjectView
from storage.object.models import DEFAULT_TYPE

READ = "modelarts:dataset:getDatasetVersion"  # who may not, is asked about modelarts:dataset:use
VERSION = OpenApiParameter("pk", OpenApiTypes.UUID, OpenApiParameter.PATH)


class ProblemSerializer(serializers.Serializer[Any]):
    """One finding of the check."""

    level = serializers.CharField(help_text="error or warning")
    code = serializers.CharField()
    file = serializers.CharField()
    message = serializers.CharField()
    fix = serializers.CharField()
    offset = serializers.IntegerField(allow_null=True, help_text="Byte of the file.")
    in_compressed = serializers.BooleanField()


class VersionSerializer(StatefulSerializer):
    """One version."""

    dataset = serializers.UUIDField(source="dataset_id")
    dataset_name = serializers.CharField(source="dataset.name")
    number = serializers.IntegerField()
    format = serializers.CharField()
    classes = serializers.IntegerField()
    file_count = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")
    digest = serializers.CharField(help_text="SHA-256 over the manifest.")
    summary = serializers.DictField()
    problems = ProblemSerializer(many=True)


class VersionInput(serializers.Serializer[Any]):
    """The next version of a dataset."""

    dataset = serializers.UUIDField()
    bucket = serializers.CharField(max_length=63)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)


class VersionUpdate(serializers.Serializer[Any]):
    """What may change of a version."""

    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)


class VersionViewSet(ResourceViewSet):
    """Dataset versions."""

    serializer_class = VersionSerializer
    input_class = VersionInput
    update_class = VersionUpdate


class FileSerializer(serializers.Serializer[Any]):
    """One file of a version; ``url`` is below the API's address."""

    path = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    url = serializers.CharField()


class FileListSerializer(serializers.Serializer[Any]):
    """The manifest."""

    items = FileSerializer(many=True)
    digest = serializers.CharField()


class FilesView(ObjectView):
    """The manifest of a version."""

    declared: ClassVar[dict[str, str]] = {
        "get": f"within:{READ}",
    }

    @extend_schema(
        operation_id="dataset_versions_files",
        tags=["dataset-versions"],
        parameters=[VERSION],
        responses=FileListSerializer,
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """Path, size and SHA-256 of every file."""
        version = queries.readable_version(self.actor, pk)
        body = {"items": queries.version_files(version.pk), "digest": version.digest}
        return Response(FileListSerializer(body).data)


class FileView(ObjectView):
    """The bytes of one file."""

    declared: ClassVar[dict[str, str]] = {
        "get": f"within:{READ}",
        "head": f"within:{READ}",
    }

    @extend_schema(
        operation_id="dataset_versions_file",
        tags=["dataset-versions"],
        parameters=[VERSION, OpenApiParameter("path", str, OpenApiParameter.PATH), RANGE],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: UUID, path: str) -> HttpResponseBase:
        """The bytes, whole or a range; headers ETag and X-Content-SHA256."""
        row = queries.version_file(self.actor, pk, path)
        return transfer.send(
            request._request,
            row.blob,
            row.path.rpartition("/")[2],
            content_type=DEFAULT_TYPE,
            modified=row.blob.created_at.timestamp(),
            ask=lambda: queries.version_file(self.actor, pk, path),
        )

    @extend_schema(exclude=True)
    def head(self, request: Request, pk: UUID, path: str) -> HttpResponseBase:
        """The headers of GET."""
        return self.get(request, pk, path)

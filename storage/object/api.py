"""API of objects: list, and raw bytes in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.declared import Declared
from console.bodies import Body
from core.errors import ValidationFailed
from storage import messages
from storage.object import listing, services, transfer
from storage.object.models import StoredObject

BUCKET = OpenApiParameter("bucket", str, OpenApiParameter.PATH, description="Name or id.")
KEY = OpenApiParameter(
    "key", str, OpenApiParameter.PATH, description="The key; “/” stands as it is."
)
SHA256 = OpenApiParameter(
    "X-Content-SHA256",
    str,
    OpenApiParameter.HEADER,
    description="SHA-256 of the body in hexadecimal; checked before anything is stored.",
)
RANGE = OpenApiParameter(
    "Range", str, OpenApiParameter.HEADER, description="One range, e.g. bytes=0-1023."
)


class ObjectSerializer(serializers.Serializer[Any]):
    """One object of a listing."""

    key = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    content_type = serializers.CharField()
    updated_at = serializers.DateTimeField()


class ObjectPageSerializer(serializers.Serializer[Any]):
    """A page of a listing; ``next_marker`` continues it."""

    items = ObjectSerializer(many=True)
    prefixes = serializers.ListField(child=serializers.CharField())
    next_marker = serializers.CharField(allow_null=True)


class StoredSerializer(serializers.Serializer[Any]):
    """What an upload stored."""

    key = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()


class KeptSerializer(serializers.Serializer[Any]):
    """An object that had to stay."""

    key = serializers.CharField()
    error_code = serializers.CharField()
    error_msg = serializers.CharField()


class DeletedSerializer(serializers.Serializer[Any]):
    """What a delete of many did."""

    deleted = serializers.IntegerField()
    kept_count = serializers.IntegerField()
    kept = KeptSerializer(many=True, help_text="The first 100 that stayed.")
    next_marker = serializers.CharField(
        allow_null=True, help_text="Send as marker to go on; null when done."
    )


class ObjectView(Declared):
    """Base: answers are JSON or raw bytes whatever Accept says; no parser touches a body."""

    parser_classes: ClassVar[list[Any]] = []  # type: ignore[misc]

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[JSONRenderer, str]:
        return JSONRenderer(), JSONRenderer.media_type


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise ValidationFailed.of(name, messages.WHOLE_NUMBER())
    return int(text)


class ObjectsView(ObjectView):
    """The objects of a bucket."""

    declared: ClassVar[dict[str, str]] = {
        "get": "within:obs:bucket:ListBucket",
        "delete": "within:obs:bucket:ListBucket",
    }
    query: ClassVar = {
        "get": frozenset({"prefix", "marker", "limit", "delimiter"}),
        "delete": frozenset({"prefix", "marker", "limit"}),
    }

    @extend_schema(
        operation_id="objects_list",
        tags=["objects"],
        parameters=[
            BUCKET,
            OpenApiParameter("prefix", str, description="Beginning of the keys."),
            OpenApiParameter("marker", str, description="Go on after this key."),
            OpenApiParameter("limit", int, description="1 to 1000."),
            OpenApiParameter("delimiter", str, enum=["/"], description="Group folders."),
        ],
        responses=ObjectPageSerializer,
    )
    def get(self, request: Request, bucket: str) -> Response:
        """List objects in the order of their keys."""
        page = listing.list_objects(
            self.actor,
            bucket,
            prefix=request.query_params.get("prefix", ""),
            marker=request.query_params.get("marker", ""),
            limit=_number(request, "limit", listing.MAX_LIMIT),
            delimiter=request.query_params.get("delimiter", ""),
        )
        return Response(ObjectPageSerializer(page).data)

    @extend_schema(
        operation_id="objects_delete_many",
        tags=["objects"],
        parameters=[
            BUCKET,
            OpenApiParameter(
                "prefix", str, required=True, description="Beginning of the keys; never empty."
            ),
            OpenApiParameter("marker", str, description="Go on after this key."),
            OpenApiParameter("limit", int, description="1 to 1000 objects per call."),
        ],
        responses={200: DeletedSerializer},
    )
    def delete(self, request: Request, bucket: str) -> Response:
        """Delete the objects below a prefix, each by its own decision."""
        prefix = request.query_params.get("prefix", "")
        if not prefix:
            raise ValidationFailed.of("prefix", messages.PREFIX_MISSING())
        done = services.delete_prefix(
            self.actor,
            bucket,
            prefix,
            marker=request.query_params.get("marker", ""),
            limit=_number(request, "limit", listing.MAX_LIMIT),
        )
        return Response(DeletedSerializer(done).data)


class ObjectBytesView(ObjectView):
    """One object: its bytes."""

    #: an object of any size that the installation takes, asked about before its first byte
    bodies: ClassVar[Mapping[str, Body]] = {"put": Body(services.max_bytes(), streamed=True)}

    declared: ClassVar[dict[str, str]] = {
        "get": "within:obs:object:GetObject",
        "head": "within:obs:object:GetObject",
        "put": "within:obs:object:PutObject",
        "delete": "within:obs:object:DeleteObject",
    }

    @extend_schema(
        operation_id="objects_get",
        tags=["objects"],
        parameters=[BUCKET, KEY, RANGE],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, bucket: str, key: str) -> HttpResponseBase:
        """The bytes, whole or a range; headers ETag and X-Content-SHA256."""
        row: StoredObject = listing.get_object(self.actor, bucket, key)
        return transfer.send(
            request._request,
            row.blob,
            row.key.rpartition("/")[2],
            content_type=row.content_type,
            modified=row.updated_at.timestamp(),
            ask=lambda: listing.may_read(self.actor, bucket, key),
        )

    @extend_schema(exclude=True)
    def head(self, request: Request, bucket: str, key: str) -> HttpResponseBase:
        """The headers of GET."""
        return self.get(request, bucket, key)

    @extend_schema(
        operation_id="objects_put",
        tags=["objects"],
        parameters=[BUCKET, KEY, SHA256],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={
            201: StoredSerializer,
            400: OpenApiResponse(
                description="DIGEST_MISMATCH, INCOMPLETE_BODY, PARTIAL_UPLOAD, BAD_KEY."
            ),
        },
    )
    def put(self, request: Request, bucket: str, key: str) -> Response:
        """Store the raw body under the key; replaces what was there."""
        raw = request._request
        row = services.put_object(
            self.actor,
            bucket,
            key,
            raw,
            size=transfer.content_length(raw),
            expected_sha256=request.headers.get("X-Content-SHA256", ""),
            content_type=request.headers.get("Content-Type", ""),
        )
        response = Response(StoredSerializer(row).data, status=status.HTTP_201_CREATED)
        response["ETag"] = row.etag
        response["X-Content-SHA256"] = row.sha256
        return response

    @extend_schema(
        operation_id="objects_delete",
        tags=["objects"],
        parameters=[BUCKET, KEY],
        responses={204: None},
    )
    def delete(self, request: Request, bucket: str, key: str) -> Response:
        """Remove the object."""
        services.delete_object(self.actor, bucket, key)
        return Response(status=status.HTTP_204_NO_CONTENT)

"""API of buckets; the URL takes a name or an id."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from console.api.fields import Tags
from console.api.viewsets import ResourceSerializer, ResourceViewSet
from core import services
from core.errors import NotFound
from storage.bucket import queries
from storage.bucket.models import Bucket


class BucketSerializer(ResourceSerializer):
    """One bucket."""


class BucketInput(serializers.Serializer[Any]):
    """A new bucket."""

    name = serializers.CharField(max_length=63)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)


class BucketViewSet(ResourceViewSet):
    """Buckets by name or id."""

    serializer_class = BucketSerializer
    input_class = BucketInput
    key_converter: ClassVar[str] = "<str:pk>"
    lookup_value_regex = "[^/]+"

    def find(self, key: str) -> Any:
        try:
            return queries.bucket_named(self.actor, key)
        except NotFound:
            return services.visible(Bucket, self.actor, pk=key)

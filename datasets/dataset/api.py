"""API of datasets."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet
from datasets.dataset import tabs
from datasets.dataset.models import Dataset


class CurrentVersionSerializer(serializers.Serializer[Any]):
    """The newest version that may be trained on, else the newest at all."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    phase = serializers.CharField()


class DatasetSerializer(ResourceSerializer):
    """One dataset."""

    format = serializers.CharField()
    classes = serializers.IntegerField()
    current_version = serializers.SerializerMethodField()

    def get_current_version(self, dataset: Dataset) -> CurrentVersionSerializer(allow_null=True):  # type: ignore[valid-type]
        found = dataset.newest if hasattr(dataset, "newest") else tabs.current(dataset)
        return CurrentVersionSerializer(found).data if found else None


class DatasetInput(ResourceInput):
    """A new dataset; with ``bucket`` its first version is taken at once."""

    format = serializers.ChoiceField(choices=Dataset.Format.choices, required=False)
    classes = serializers.IntegerField(min_value=1, max_value=256, required=False)
    bucket = serializers.CharField(max_length=63, required=False)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)


class AddVersionInput(serializers.Serializer[Any]):
    """Where the next version is taken from."""

    bucket = serializers.CharField(max_length=63)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)


class DatasetViewSet(ResourceViewSet):
    """Datasets."""

    serializer_class = DatasetSerializer
    input_class = DatasetInput
    update_class = ResourceInput
    verb_inputs: ClassVar[dict[str, Any]] = {"add-version": AddVersionInput}

    def paginate_queryset(self, queryset: Any) -> Any:
        """The page's current versions in one query, however many datasets it shows."""
        page = super().paginate_queryset(queryset)
        if page:
            tabs.note_current(page)
        return page

"""API of blocked accounts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet


class BlockInput(ResourceInput):
    """The account to block."""

    name = serializers.CharField(max_length=10, help_text="An account id: 10 digits.")


class BlockChanges(serializers.Serializer[Any]):
    """What may change: the note and the tags."""

    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = ResourceInput().fields["tags"]


class BlockViewSet(ResourceViewSet):
    """Accounts that may not invite one's own; ``name`` is the id."""

    serializer_class = ResourceSerializer
    input_class = BlockInput
    update_class = BlockChanges

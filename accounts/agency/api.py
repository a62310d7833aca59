"""The API of agencies."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.agency.models import Agency
from accounts.policy.services import attachments
from console.api.fields import Items, Tags
from console.api.viewsets import ResourceSerializer, ResourceViewSet


class AgencySerializer(ResourceSerializer):
    trust = serializers.CharField()
    duration = serializers.CharField()
    days = serializers.IntegerField(allow_null=True)
    grantee = serializers.UUIDField(source="grantee_id", allow_null=True)
    state = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    policies = serializers.SerializerMethodField()

    def get_policies(self, obj: Agency) -> list[str]:
        return [a.policy_name for a in attachments(obj)]


class AgencyInput(serializers.Serializer[Any]):
    """``name`` is made up when absent; ``grantee`` absent or null means every user."""

    name = serializers.CharField(max_length=64, required=False)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)
    duration = serializers.ChoiceField(choices=Agency.Duration.choices, required=False)
    days = serializers.IntegerField(min_value=1, max_value=365, required=False, allow_null=True)
    grantee = serializers.UUIDField(required=False, allow_null=True)
    policies = Items(child=serializers.CharField(max_length=80), required=False, max_length=20)


class AgencyUpdate(AgencyInput):
    policies = None  # type: ignore[assignment]  # attached and detached one by one


class AgencyViewSet(ResourceViewSet):
    """Agencies of the caller's account."""

    serializer_class = AgencySerializer
    input_class = AgencyInput
    update_class = AgencyUpdate

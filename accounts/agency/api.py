"""The API of agencies."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from rest_framework import serializers

from accounts.agency.models import Agency
from accounts.policy.models import PolicyAttachment
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
        rows = getattr(obj, "attached", None)
        return [a.policy_name for a in (attachments(obj) if rows is None else rows)]


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

    def paginate_queryset(self, queryset: Any) -> Any:
        """The page's policies in one query, however many agencies it shows."""
        page = super().paginate_queryset(queryset)
        rows = PolicyAttachment.objects.select_related("policy").order_by("id")
        if page:
            prefetch_related_objects(page, Prefetch("policy_attachments", rows, to_attr="attached"))
        return page

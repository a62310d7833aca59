"""API of share invitations, for the invited account."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from console.api.idempotency import idempotent
from console.api.viewsets import ResourceViewSet, StatefulSerializer
from sharing.invitation import services
from sharing.invitation.models import Invitation
from sharing.invitation.pages import reading
from sharing.unit.api import PermissionSerializer


class NamedSerializer(serializers.Serializer[Any]):
    """Id and name: all that is told of a thing before it is accepted."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class ContentSerializer(serializers.Serializer[Any]):
    """What an invitation gives of one type."""

    type = serializers.CharField()
    type_label = serializers.CharField()
    resources = NamedSerializer(many=True)
    permission = PermissionSerializer()
    lands = serializers.CharField()


class InvitationSerializer(StatefulSerializer):
    """An invitation. ``contents`` is filled on one invitation, not in lists."""

    share_unit_id = serializers.UUIDField(source="unit_id")
    owner_account_id = serializers.CharField()
    expires_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    in_force = serializers.BooleanField(source="is_in_force")
    contents = serializers.SerializerMethodField()

    def get_contents(self, invitation: Invitation) -> list[dict[str, Any]]:
        if self.context["view"].action == "list":
            return []
        return [dict(ContentSerializer(part).data) for part in reading(invitation)]


class RejectInput(serializers.Serializer[Any]):
    """Why; told to the owner."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class InvitationViewSet(ResourceViewSet):
    """Invitations to one's own account: list, read, accept, reject, leave."""

    serializer_class = InvitationSerializer
    verb_inputs: ClassVar[dict[str, type[serializers.Serializer[Any]]]] = {"reject": RejectInput}

    def perform(self, request: Request, pk: str) -> Response:
        """Accepting twice answers 200 twice; everything else is as for every verb."""
        if self.verb == "accept":
            return self._accept(request, pk)
        return super().perform(request, pk)

    @idempotent
    def _accept(self, request: Request, pk: str) -> Response:
        invitation = services.accept(self.actor, self.obj)
        return self.tagged(invitation, Response(self.represent(invitation)))

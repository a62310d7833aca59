"""The API of groups and their members."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.group import services
from accounts.user.api import UserSerializer
from accounts.user.models import User
from console.api.declared import ResourceView
from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet
from core.services import visible


class GroupViewSet(ResourceViewSet):
    """Groups of the caller's account."""

    serializer_class = ResourceSerializer
    input_class = ResourceInput


class MemberInput(serializers.Serializer[Any]):
    user = serializers.UUIDField()


class MemberList(serializers.Serializer[Any]):
    items = UserSerializer(many=True)


class MembersView(ResourceView):
    """GET and POST /groups/{id}/members."""

    slug = "groups"
    declared: ClassVar[dict[str, str]] = {
        "get": "resource:get",
        "post": f"resource:{services.ADD}",
    }

    @extend_schema(responses=MemberList, operation_id="group_members_list")
    def get(self, request: Request, pk: UUID) -> Response:
        return Response({"items": UserSerializer(services.members(self.obj), many=True).data})

    @extend_schema(request=MemberInput, responses={204: None}, operation_id="group_members_add")
    def post(self, request: Request, pk: UUID) -> Response:
        data = ResourceViewSet.accept(MemberInput, request.data)
        services.add_member(self.actor, self.obj, visible(User, self.actor, pk=data["user"]))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberView(ResourceView):
    """DELETE /groups/{id}/members/{user}."""

    slug = "groups"
    declared: ClassVar[dict[str, str]] = {"delete": f"resource:{services.REMOVE}"}

    @extend_schema(responses={204: None}, operation_id="group_members_remove")
    def delete(self, request: Request, pk: UUID, user: UUID) -> Response:
        services.remove_member(self.actor, self.obj, visible(User, self.actor, pk=user))
        return Response(status=status.HTTP_204_NO_CONTENT)

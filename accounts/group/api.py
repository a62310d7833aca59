"""The API of groups and their members."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.group import services
from accounts.group.models import Group
from accounts.token.api import actor_of_request
from accounts.user.api import UserSerializer
from accounts.user.models import User
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


class MembersView(APIView):
    """GET and POST /groups/{id}/members."""

    declared: ClassVar[dict[str, str]] = {
        "get": "iam:groups:getGroup",
        "post": "iam:groups:addUser",
    }

    @extend_schema(responses=MemberList, operation_id="group_members_list")
    def get(self, request: Request, pk: UUID) -> Response:
        group = visible(Group, actor_of_request(request), pk=pk)
        return Response({"items": UserSerializer(services.members(group), many=True).data})

    @extend_schema(request=MemberInput, responses={204: None}, operation_id="group_members_add")
    def post(self, request: Request, pk: UUID) -> Response:
        actor = actor_of_request(request)
        data = ResourceViewSet.accept(MemberInput, request.data)
        group = visible(Group, actor, pk=pk)
        services.add_member(actor, group, visible(User, actor, pk=data["user"]))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberView(APIView):
    """DELETE /groups/{id}/members/{user}."""

    declared: ClassVar[dict[str, str]] = {"delete": "iam:groups:removeUser"}

    @extend_schema(responses={204: None}, operation_id="group_members_remove")
    def delete(self, request: Request, pk: UUID, user: UUID) -> Response:
        actor = actor_of_request(request)
        group = visible(Group, actor, pk=pk)
        services.remove_member(actor, group, visible(User, actor, pk=user))
        return Response(status=status.HTTP_204_NO_CONTENT)

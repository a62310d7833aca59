"""The API of users."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.user.models import User
from console.api.fields import Items
from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet


class UserSerializer(ResourceSerializer):
    email = serializers.CharField()
    is_root = serializers.BooleanField()
    is_active = serializers.BooleanField()
    must_change_password = serializers.BooleanField()
    last_login = serializers.DateTimeField(allow_null=True)


class UserMade(UserSerializer):
    """``initial_password`` is temporary, shown this once, and must be changed at first sign-in."""

    initial_password = serializers.CharField(required=False)


class UserInput(ResourceInput):
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    groups = Items(child=serializers.UUIDField(), required=False, max_length=20)


class UserUpdate(ResourceInput):
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)


class UserViewSet(ResourceViewSet):
    """Users of the caller's account."""

    serializer_class = UserSerializer
    created_class = UserMade
    input_class = UserInput
    update_class = UserUpdate

    def represent(self, obj: Any) -> Any:
        data = dict(UserSerializer(obj).data)
        password = getattr(obj, "initial_password", None) if isinstance(obj, User) else None
        return {**data, "initial_password": password} if password else data

"""Sign-in for scripts: tokens, first password, first set-up, and "who am I"."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import messages
from accounts.account.services import own_account
from accounts.actors import actor_of, circumstances, is_loopback
from accounts.hold import by_password
from accounts.services import user_of
from accounts.signin import services, setup
from accounts.token import services as tokens
from accounts.token.api import TokenSerializer
from accounts.user.models import User
from console.api.viewsets import ResourceViewSet
from core.actor import Actor
from core.errors import AppError, NotFound

PUBLIC = "public: signing in is how one stops being anonymous"
accept = ResourceViewSet.accept


class PasswordChangeRequired(AppError):
    """The password is right but temporary."""

    status = 403
    code = "PASSWORD_CHANGE_REQUIRED"


class SignInInput(serializers.Serializer[Any]):
    """Account and password; ``user`` is empty for the main account's root user."""

    account = serializers.CharField(max_length=64)
    user = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class TokenRequest(SignInInput):
    name = serializers.CharField(max_length=64, required=False, default="script")
    days = serializers.IntegerField(min_value=1, max_value=365, required=False, default=90)


class TokenOnce(TokenSerializer):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField()
    account_id = serializers.CharField()
    user_id = serializers.UUIDField()


class PasswordChange(serializers.Serializer[Any]):
    account = serializers.CharField(max_length=64)
    user = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    old = serializers.CharField(max_length=1024, trim_whitespace=False)
    new = serializers.CharField(max_length=1024, trim_whitespace=False)


class SetUpInput(serializers.Serializer[Any]):
    setup_token = serializers.CharField(max_length=128)
    account_name = serializers.CharField(max_length=64)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)


class SetUpResult(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    account_name = serializers.CharField()
    user_id = serializers.UUIDField()


class Me(serializers.Serializer[Any]):
    user = serializers.DictField()
    account = serializers.DictField()
    via = serializers.CharField()
    region = serializers.CharField()


def verified(request: Request, data: dict[str, Any], password: str) -> User:
    """The user the body names, if the password is right; counted and audited."""
    where = circumstances(request._request)
    return services.verify(
        data["account"],
        data["user"],
        password,
        ip=where["source_ip"],
        user_agent=where["user_agent"],
        request_id=where["request_id"],
        via="token",
    )


class TokenView(APIView):
    """POST /auth/tokens: a password for an API token."""

    declared: ClassVar[dict[str, str]] = {"post": PUBLIC}
    authentication_classes: Sequence[type[BaseAuthentication]] = ()

    @extend_schema(request=TokenRequest, responses={201: TokenOnce}, operation_id="auth_token")
    def post(self, request: Request) -> Response:
        data = accept(TokenRequest, request.data)
        user = verified(request, data, data["password"])
        if user.must_change_password:
            raise PasswordChangeRequired(messages.PASSWORD_TEMPORARY())
        # The password may be reset before the token is written.
        actor = actor_of(
            user, via="token", credential=by_password(user), **circumstances(request._request)
        )
        token, text = tokens.create(actor, data["name"], lifetime=dt.timedelta(days=data["days"]))
        services.audit_success(actor)
        body = {
            **TokenSerializer(token).data,
            "token": text,
            "account_id": user.account_id,
            "user_id": str(user.pk),
        }
        return Response(body, status=status.HTTP_201_CREATED)


class PasswordView(APIView):
    """POST /auth/password: change one's own password, the first login's included."""

    declared: ClassVar[dict[str, str]] = {"post": PUBLIC}
    authentication_classes: Sequence[type[BaseAuthentication]] = ()

    @extend_schema(request=PasswordChange, responses={204: None}, operation_id="auth_password")
    def post(self, request: Request) -> Response:
        data = accept(PasswordChange, request.data)
        user = verified(request, data, data["old"])
        actor = actor_of(user, via="token", **circumstances(request._request))
        services.change_password(user, data["old"], data["new"], actor=actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SetUpView(APIView):
    """POST /setup: the first account. From this machine only, once."""

    declared: ClassVar[dict[str, str]] = {"post": "public: there is no account to sign in to yet"}
    authentication_classes: Sequence[type[BaseAuthentication]] = ()

    @extend_schema(request=SetUpInput, responses={201: SetUpResult}, operation_id="set_up")
    def post(self, request: Request) -> Response:
        if not is_loopback(request._request) or not setup.is_open():
            raise NotFound()
        data = accept(SetUpInput, request.data)
        where = circumstances(request._request)
        root = setup.complete(
            data["setup_token"],
            data["account_name"],
            data["password"],
            ip=where["source_ip"],
            request_id=where["request_id"],
        )
        body = {
            "account_id": root.account_id,
            "account_name": root.account.name,
            "user_id": str(root.pk),
        }
        return Response(body, status=status.HTTP_201_CREATED)


class MeView(APIView):
    """GET /me: the caller and its account."""

    declared: ClassVar[dict[str, str]] = {"get": "signed-in: all users may know who they are"}

    @extend_schema(responses=Me, operation_id="me")
    def get(self, request: Request) -> Response:
        actor: Actor = request._request.actor  # type: ignore[attr-defined]
        assert actor.user_id is not None  # DeclaredAction lets users in only
        user = user_of(actor.user_id)
        return Response(
            {
                "user": {
                    "id": str(user.pk),
                    "name": user.name,
                    "email": user.email,
                    "is_root": user.is_root,
                },
                "account": own_account(actor),
                "via": actor.via,
                "region": actor.region,
            }
        )

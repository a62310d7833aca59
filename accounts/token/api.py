"""One's own API tokens."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.token import services
from console.api.idempotency import idempotent
from console.api.viewsets import IDEMPOTENCY, ResourceViewSet
from core.actor import Actor


class TokenSerializer(serializers.Serializer[Any]):
    """What may be known of a token after it was made."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_ip = serializers.CharField()


class TokenInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=64)
    days = serializers.IntegerField(min_value=1, max_value=365, required=False, default=90)


class TokenMade(TokenSerializer):
    token = serializers.CharField()


class TokenList(serializers.Serializer[Any]):
    items = TokenSerializer(many=True)


def actor_of_request(request: Request) -> Actor:
    """The actor the middleware found."""
    actor: Actor = request._request.actor  # type: ignore[attr-defined]
    return actor


class TokensView(APIView):
    """GET and POST /tokens."""

    declared: ClassVar[dict[str, str]] = {
        "get": "iam:credentials:listCredentials",
        "post": "iam:credentials:createCredential",
    }

    @extend_schema(responses=TokenList, operation_id="tokens_list")
    def get(self, request: Request) -> Response:
        rows = services.own_tokens(actor_of_request(request))
        return Response({"items": TokenSerializer(rows, many=True).data})

    @extend_schema(
        request=TokenInput,
        responses={201: TokenMade},
        operation_id="tokens_create",
        parameters=[IDEMPOTENCY],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = ResourceViewSet.accept(TokenInput, request.data)
        token, text = services.create(
            actor_of_request(request), data["name"], lifetime=dt.timedelta(days=data["days"])
        )
        body = {**TokenSerializer(token).data, "token": text}
        return Response(body, status=status.HTTP_201_CREATED)


class OneTokenView(APIView):
    """DELETE /tokens/{id}."""

    declared: ClassVar[dict[str, str]] = {"delete": "iam:credentials:deleteCredential"}

    @extend_schema(responses={204: None}, operation_id="tokens_revoke")
    def delete(self, request: Request, pk: UUID) -> Response:
        services.revoke(actor_of_request(request), pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

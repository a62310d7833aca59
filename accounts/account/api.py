"""Accounts of the installation for its operator, and one's own account."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.account import services
from accounts.account.models import Account
from accounts.token.api import actor_of_request
from console.api.idempotency import idempotent
from console.api.viewsets import IDEMPOTENCY, ResourceViewSet


class AccountSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    is_operator = serializers.BooleanField()
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class AccountInput(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=64)


class AccountMade(AccountSerializer):
    """``initial_password`` is the root user's temporary password, shown this once."""

    initial_password = serializers.CharField()


class AccountList(serializers.Serializer[Any]):
    items = AccountSerializer(many=True)


class AccountsView(APIView):
    """GET and POST /accounts; for the operator's main account."""

    declared: ClassVar[dict[str, str]] = {
        "get": "iam:accounts:listAccounts",
        "post": "iam:accounts:createAccount",
    }

    @extend_schema(responses=AccountList, operation_id="accounts_list")
    def get(self, request: Request) -> Response:
        rows = services.all_accounts(actor_of_request(request))
        return Response({"items": AccountSerializer(rows, many=True).data})

    @extend_schema(
        request=AccountInput,
        responses={201: AccountMade},
        operation_id="accounts_create",
        parameters=[IDEMPOTENCY],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = ResourceViewSet.accept(AccountInput, request.data)
        account, password = services.create_account(actor_of_request(request), data["name"])
        body = {**AccountSerializer(account).data, "initial_password": password}
        return Response(body, status=status.HTTP_201_CREATED)


class AccountStateView(APIView):
    """POST /accounts/{id}/suspend and /accounts/{id}/resume; for the operator."""

    declared: ClassVar[dict[str, str]] = {"post": "iam:accounts:suspendAccount"}
    active = True

    @extend_schema(request=None, responses=AccountSerializer)
    def post(self, request: Request, pk: str) -> Response:
        account = services.set_active(actor_of_request(request), pk, self.active)
        return Response(AccountSerializer(account).data)


class OwnAccountInput(serializers.Serializer[Any]):
    strict_mode = serializers.BooleanField()


class OwnAccountSerializer(AccountSerializer):
    strict_mode = serializers.BooleanField()


class OwnAccountView(APIView):
    """GET and PATCH /account: one's own account and its strict mode."""

    declared: ClassVar[dict[str, str]] = {
        "get": "iam:accounts:getAccount",
        "patch": "iam:accounts:updateAccount",
    }

    @extend_schema(responses=OwnAccountSerializer, operation_id="account_read")
    def get(self, request: Request) -> Response:
        account = Account.objects.get(pk=actor_of_request(request).account_id)
        return Response(OwnAccountSerializer(account).data)

    @extend_schema(
        request=OwnAccountInput, responses=OwnAccountSerializer, operation_id="account_update"
    )
    def patch(self, request: Request) -> Response:
        data = ResourceViewSet.accept(OwnAccountInput, request.data)
        account = services.set_strict_mode(actor_of_request(request), data["strict_mode"])
        return Response(OwnAccountSerializer(account).data)

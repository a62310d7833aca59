"""Quotas over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.quota import services
from accounts.token.api import actor_of_request
from console.api.fields import WholeNumber
from console.api.viewsets import ResourceViewSet


class QuotaSerializer(serializers.Serializer[Any]):
    """One kind: ``key`` is what error messages name."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    used = serializers.IntegerField()
    limit = serializers.IntegerField()
    default = serializers.IntegerField()


class QuotaList(serializers.Serializer[Any]):
    items = QuotaSerializer(many=True)


class LimitInput(serializers.Serializer[Any]):
    """``limit`` null goes back to the default."""

    limit = WholeNumber(min_value=0, max_value=services.HIGHEST, allow_null=True)


class QuotasView(APIView):
    """GET /quotas: one's own account."""

    declared: ClassVar[dict[str, str]] = {"get": services.READ}

    @extend_schema(responses=QuotaList, operation_id="quotas_list")
    def get(self, request: Request) -> Response:
        rows = services.own(actor_of_request(request))
        return Response({"items": QuotaSerializer(rows, many=True).data})


class AccountQuotasView(APIView):
    """GET /accounts/{id}/quotas; for the operator's main account."""

    declared: ClassVar[dict[str, str]] = {"get": services.CHANGE}

    @extend_schema(responses=QuotaList, operation_id="account_quotas_list")
    def get(self, request: Request, pk: str) -> Response:
        _account, rows = services.of_account(actor_of_request(request), pk)
        return Response({"items": QuotaSerializer(rows, many=True).data})


class AccountQuotaView(APIView):
    """PUT /accounts/{id}/quotas/{kind}; for the operator's main account."""

    declared: ClassVar[dict[str, str]] = {"put": services.CHANGE}

    @extend_schema(
        request=LimitInput, responses=QuotaSerializer, operation_id="account_quotas_update"
    )
    def put(self, request: Request, pk: str, kind: str) -> Response:
        data = ResourceViewSet.accept(LimitInput, request.data)
        usage = services.set_limit(actor_of_request(request), pk, kind, data["limit"])
        return Response(QuotaSerializer(usage).data)

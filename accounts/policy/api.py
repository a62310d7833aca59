"""The API of policies, attachments and system policies."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import messages
from accounts.agency.models import Agency
from accounts.group.models import Group
from accounts.policy import services
from accounts.policy.models import PolicyAttachment
from accounts.policy.system import system_policies
from accounts.token.api import actor_of_request
from accounts.user.models import User
from console.api.fields import Document
from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet
from core.actor import Actor
from core.errors import ValidationFailed
from core.services import visible

PRINCIPALS: dict[str, Any] = {"user": User, "group": Group, "agency": Agency}


class PolicyWarningSerializer(serializers.Serializer[Any]):
    """A part of a policy that is legal and probably does not mean what it says."""

    path = serializers.CharField()
    token = serializers.CharField()
    rule = serializers.CharField()
    fix = serializers.CharField()
    code = serializers.CharField()


class PolicySerializer(ResourceSerializer):
    document = serializers.JSONField()
    revision = serializers.IntegerField()
    #: of one policy; lists go without
    warnings = PolicyWarningSerializer(many=True, required=False)


class PolicyInput(ResourceInput):
    document = Document(bounded_by="accounts.engine.validate")

    def validate_document(self, value: Any) -> Any:
        if not isinstance(value, dict | str):
            raise serializers.ValidationError("A policy is a JSON object.", code="NOT_AN_OBJECT")
        return value


class PolicyViewSet(ResourceViewSet):
    """Custom policies of the caller's account."""

    serializer_class = PolicySerializer
    input_class = PolicyInput

    def represent(self, obj: Any) -> Any:
        if self.action != "list":
            obj.warnings = services.warnings(obj.document)
        return super().represent(obj)


class SystemPolicySerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    document = serializers.JSONField()


class SystemPolicyList(serializers.Serializer[Any]):
    items = SystemPolicySerializer(many=True)


class SystemPoliciesView(APIView):
    """GET /system-policies."""

    declared: ClassVar[dict[str, str]] = {"get": "iam:policies:listPolicies"}

    @extend_schema(responses=SystemPolicyList, operation_id="system_policies_list")
    def get(self, request: Request) -> Response:
        rows = list(system_policies().values())
        return Response({"items": SystemPolicySerializer(rows, many=True).data})


class AttachmentSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    policy = serializers.CharField(source="policy_name")
    policy_id = serializers.UUIDField(allow_null=True)
    user = serializers.UUIDField(source="user_id", allow_null=True)
    group = serializers.UUIDField(source="group_id", allow_null=True)
    agency = serializers.UUIDField(source="agency_id", allow_null=True)
    created_at = serializers.DateTimeField()


class AttachmentInput(serializers.Serializer[Any]):
    """``policy``: id or name of a custom policy, or the name of a system policy, also as
    ``system:NAME``. Exactly one of ``user``, ``group`` and ``agency``."""

    policy = serializers.CharField(max_length=80)
    user = serializers.UUIDField(required=False)
    group = serializers.UUIDField(required=False)
    agency = serializers.UUIDField(required=False)


class AttachmentList(serializers.Serializer[Any]):
    items = AttachmentSerializer(many=True)


def principal_of_request(actor: Actor, data: dict[str, Any]) -> Any:
    """The one user, group or agency that a body or a query names."""
    named = [kind for kind in PRINCIPALS if data.get(kind)]
    if len(named) != 1:
        raise ValidationFailed.of("user", messages.ONE_PRINCIPAL())
    return visible(PRINCIPALS[named[0]], actor, pk=data[named[0]])


class AttachmentsView(APIView):
    """GET /policy-attachments?user=|group=|agency= and POST /policy-attachments."""

    declared: ClassVar[dict[str, str]] = {
        "get": "iam:policies:listPolicies",
        "post": "iam:policies:attachPolicy",
    }
    query: ClassVar = {"get": frozenset(PRINCIPALS)}

    @extend_schema(
        parameters=[OpenApiParameter(kind, OpenApiTypes.UUID) for kind in PRINCIPALS],
        responses=AttachmentList,
        operation_id="policy_attachments_list",
    )
    def get(self, request: Request) -> Response:
        principal = principal_of_request(actor_of_request(request), request.query_params.dict())
        rows = services.attachments(principal)
        return Response({"items": AttachmentSerializer(rows, many=True).data})

    @extend_schema(
        request=AttachmentInput,
        responses={201: AttachmentSerializer},
        operation_id="policy_attachments_create",
    )
    def post(self, request: Request) -> Response:
        actor = actor_of_request(request)
        data = ResourceViewSet.accept(AttachmentInput, request.data)
        row: PolicyAttachment = services.attach(
            actor, data["policy"], principal_of_request(actor, data)
        )
        return Response(AttachmentSerializer(row).data, status=status.HTTP_201_CREATED)


class AttachmentView(APIView):
    """DELETE /policy-attachments/{id}."""

    declared: ClassVar[dict[str, str]] = {"delete": "iam:policies:detachPolicy"}

    @extend_schema(responses={204: None}, operation_id="policy_attachments_delete")
    def delete(self, request: Request, pk: int) -> Response:
        actor = actor_of_request(request)
        services.detach(actor, services.attachment_of(actor, str(pk)))
        return Response(status=status.HTTP_204_NO_CONTENT)

"""API of share units."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.api.declared import ResourceView
from console.api.fields import Items, Pairs
from console.api.viewsets import ResourceInput, ResourceViewSet, StatefulSerializer
from sharing import words
from sharing.permission import catalog
from sharing.unit import guesses, impact
from sharing.unit.guesses import MAX_PRINCIPALS
from sharing.unit.models import UnitPrincipal
from sharing.unit.plan import MAX_RESOURCES

#: types of a unit with a permission each; fewer can be shared
MAX_TYPES = 20


class ItemField(serializers.Serializer[Any]):
    """One resource: ``type`` is ``registry.model`` or ``models``, ``id`` its UUID."""

    type = serializers.CharField(max_length=64)
    id = serializers.UUIDField()


class UnitInput(ResourceInput):
    """Everything a new unit holds, in one call."""

    name = serializers.CharField(max_length=50)
    region = serializers.CharField(max_length=32, required=False)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    resources: Any = serializers.ListSerializer(child=ItemField(), max_length=MAX_RESOURCES)
    permissions = Pairs(
        max_length=MAX_TYPES,
        longest=64,
        required=False,
        help_text="Resource type -> name of a share permission; the type's default where absent.",
    )
    principals = Items(
        child=serializers.CharField(max_length=32),
        max_length=MAX_PRINCIPALS,
        required=False,
        help_text="Account ids.",
    )


class UnitChanges(ResourceInput):
    """What to change, take out and put in; out before in."""

    name = serializers.CharField(max_length=50)
    valid_until = serializers.DateTimeField(allow_null=True)
    add_resources: Any = serializers.ListSerializer(child=ItemField(), max_length=MAX_RESOURCES)
    remove_resources: Any = serializers.ListSerializer(child=ItemField(), max_length=MAX_RESOURCES)
    permissions = Pairs(max_length=MAX_TYPES, longest=64)
    add_principals = Items(child=serializers.CharField(max_length=32), max_length=MAX_PRINCIPALS)
    remove_principals = Items(child=serializers.CharField(max_length=32), max_length=MAX_PRINCIPALS)


class RightSerializer(serializers.Serializer[Any]):
    """One right in a permission."""

    action = serializers.CharField()
    words = serializers.CharField()


class PermissionSerializer(serializers.Serializer[Any]):
    """One version of a share permission."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    type = serializers.CharField()
    type_label = serializers.CharField()
    title = serializers.CharField()
    may = RightSerializer(many=True)
    never = serializers.CharField(allow_blank=True)
    default = serializers.BooleanField()


class UnitResourceSerializer(serializers.Serializer[Any]):
    """One resource of a unit; removed ones stay as history."""

    type = serializers.CharField(source="resource_type")
    id = serializers.UUIDField(source="resource_id")
    name = serializers.CharField(source="resource_name")
    state = serializers.CharField()
    status_message = serializers.CharField()


class UnitPrincipalSerializer(serializers.Serializer[Any]):
    """One account of a unit. ``external`` is true for every account but the owner's."""

    account_id = serializers.CharField()
    state = serializers.CharField()
    status_message = serializers.CharField()
    invitation_id = serializers.UUIDField(allow_null=True)
    external = serializers.SerializerMethodField()

    def get_external(self, row: UnitPrincipal) -> bool:
        return True


class UnitPermissionSerializer(serializers.Serializer[Any]):
    """The permission of one type in one unit."""

    type = serializers.CharField(source="resource_type")
    name = serializers.CharField(source="permission")
    version = serializers.IntegerField(source="permission_version")


class UnitSerializer(StatefulSerializer):
    """A unit with what is in it."""

    valid_until = serializers.DateTimeField(allow_null=True)
    resources = UnitResourceSerializer(many=True, source="resources.all")
    permissions = UnitPermissionSerializer(many=True, source="permissions.all")
    principals = UnitPrincipalSerializer(many=True, source="principals.all")


class ShareUnitViewSet(ResourceViewSet):
    """Share units of one's own account."""

    serializer_class = UnitSerializer
    input_class = UnitInput
    update_class = UnitChanges

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ids of accounts are looked at before the handler: a refusal rolls back what it did, and
        the count of guesses must stay."""
        super().initial(request, *args, **kwargs)
        if self.action in ("create", "partial_update") and isinstance(request.data, dict):
            for name in ("principals", "add_principals"):
                given = request.data.get(name)
                if isinstance(given, list):
                    guesses.check(self.actor, given)

    def paginate_queryset(self, queryset: Any) -> Any:
        """The page's members in three queries, however many units it shows."""
        from django.db.models import prefetch_related_objects

        page = super().paginate_queryset(queryset)
        if page:
            prefetch_related_objects(page, "resources", "permissions", "principals")
        return page


class LossSerializer(serializers.Serializer[Any]):
    """What one account would lose if the unit were deleted now."""

    account_id = serializers.CharField()
    waiting = serializers.BooleanField()
    resources = serializers.ListField(child=serializers.CharField(), source="names")
    rights = serializers.SerializerMethodField()
    uses = serializers.ListField(child=serializers.CharField())

    def get_rights(self, loss: impact.Loss) -> list[dict[str, str]]:
        return [{"type": kind, "id": pk, "action": action} for kind, pk, action in loss.rights]


class LossesSerializer(serializers.Serializer[Any]):
    """The losses of every account, by account id."""

    items = LossSerializer(many=True)


class PermissionsSerializer(serializers.Serializer[Any]):
    """The permissions on offer, by type and name."""

    items = PermissionSerializer(many=True)


class ImpactView(ResourceView):
    """Who would lose what if this unit were deleted now."""

    slug = "share-units"
    declared: ClassVar[dict[str, str]] = {"get": "resource:get"}
    serializer_class = LossesSerializer

    def get(self, request: Request, pk: str) -> Response:
        return Response(LossesSerializer({"items": impact.losses(self.obj)}).data)


class PermissionsView(APIView):
    """The share permissions on offer, newest version of each."""

    declared: ClassVar[dict[str, str]] = {"get": "resource_share:permission:list"}
    query: ClassVar = {"get": frozenset({"type"})}
    serializer_class = PermissionsSerializer

    @extend_schema(parameters=[OpenApiParameter("type", str, description="e.g. registry.model")])
    def get(self, request: Request) -> Response:
        kind = request.query_params.get("type") or None
        found = [words.permission_words(one) for one in catalog.latest(kind)]
        return Response(PermissionsSerializer({"items": found}).data)

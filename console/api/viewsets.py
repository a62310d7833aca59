"""The API of one resource type: list, create, read, change, delete, verbs."""

from __future__ import annotations

import itertools
import re
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from console import messages, screens
from console.api.declared import ResourceRules
from console.api.errors import problems_of
from console.api.fields import Tags, unknown_fields
from console.api.idempotency import idempotent
from console.filters import filterset_class
from console.pages.list import branches
from core import printed, registry, rules, services
from core.errors import (
    PreconditionFailed,
    PreconditionRequired,
    ValidationFailed,
)

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The ETag you saw, e.g. W/"3".'
)
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Repeating a POST with the same key repeats nothing.",
)

#: unknown fields that are told; one is enough to refuse
MAX_UNKNOWN = 20
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"', re.ASCII)


class ResourceViewSet(ResourceRules, viewsets.GenericViewSet):  # type: ignore[type-arg]
    """Subclasses set ``serializer_class`` (what is sent) and ``input_class`` (what is accepted).

    ``update_class`` accepts PATCH bodies; by default the input with nothing required.
    ``verb_inputs`` maps a verb to the serializer of its body.
    """

    spec: ClassVar[registry.Declaration]
    by_method = False
    input_class: ClassVar[type[serializers.Serializer[Any]] | None] = None
    update_class: ClassVar[type[serializers.Serializer[Any]] | None] = None
    verb_inputs: ClassVar[dict[str, type[serializers.Serializer[Any]]]] = {}
    lookup_value_regex = "[0-9a-f-]{36}"
    lookup_url_kwarg = "pk"
    declared: ClassVar[dict[str, str]] = {
        "list": "resource:list",
        "retrieve": "resource:get",
        "create": "resource:create",
        "partial_update": "resource:update",
        "destroy": "resource:delete",
        "perform": f"resource:{rules.BY_ADDRESS}",
    }

    @property
    def declaration(self) -> registry.Declaration:
        """See ResourceRules."""
        return self.spec

    def get_queryset(self) -> Any:
        """Only for schema generation; handlers ask for branches or one visible row."""
        return self.spec.model._base_manager.none()

    def get_serializer_class(self) -> Any:
        if self.verb:
            return self.verb_inputs.get(self.verb, serializers.Serializer)
        if self.action == "create" and self.input_class:
            return self.input_class
        if self.action == "partial_update" and (self.update_class or self.input_class):
            return self.update_class or self.input_class
        return self.serializer_class

    def list(self, request: Request) -> Response:
        """Own and shared rows, newest first. ``scope``: own, shared or all (default)."""
        spec = self.spec
        which = request.query_params.get("scope") or "all"
        if which not in ("own", "shared", "all"):
            raise ValidationFailed.of("scope", messages.SCOPE())
        rows = branches(spec, self.actor, which, region=request.query_params.get("region", ""))
        filters = filterset_class(spec)
        for branch in rows.branches[:1]:
            form = filters(request.query_params, queryset=branch).form
            if not form.is_valid():
                field, errors = next(iter(form.errors.items()))
                raise ValidationFailed.of(field, str(errors[0]))
        rows.narrow(lambda qs: filters(request.query_params, queryset=qs).qs)
        sort = request.query_params.get("sort", "")
        if sort:
            if sort.lstrip("-") not in screens.of(spec).sortable:
                raise ValidationFailed.of("sort", messages.CANNOT_SORT(sort=repr(sort)))
            rows.order(sort)
        page = self.paginate_queryset(rows)  # type: ignore[arg-type]
        return self.get_paginated_response([self.represent(obj) for obj in page or []])

    def retrieve(self, request: Request, pk: str) -> Response:
        obj = self.obj
        if request.headers.get("If-None-Match") == obj.etag:
            return self.tagged(obj, Response(status=status.HTTP_304_NOT_MODIFIED))
        return self.tagged(obj, Response(self.represent(obj)))

    @extend_schema(parameters=[IDEMPOTENCY])
    @idempotent
    def create(self, request: Request) -> Response:
        data = self.accept(self.get_serializer_class(), request.data)
        obj = self.spec.services.create(self.actor, data)
        response = Response(self.created(obj), status=status.HTTP_201_CREATED)
        response["Location"] = f"{request.path}/{obj.pk}"
        return self.tagged(obj, response)

    @extend_schema(parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        expected = self.expected_version(request, required=True)
        data = self.accept(self.get_serializer_class(), request.data, partial=True)
        obj = self.spec.services.update(self.actor, self.obj, data, expected_version=expected)
        return self.tagged(obj, Response(self.represent(obj)))

    @extend_schema(parameters=[IF_MATCH])
    def destroy(self, request: Request, pk: str) -> Response:
        self.spec.services.delete(
            self.actor, self.obj, expected_version=self.expected_version(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[IDEMPOTENCY, IF_MATCH])
    @idempotent
    def perform(self, request: Request, pk: str) -> Response:
        input_class = self.verb_inputs.get(self.verb, serializers.Serializer)
        data = self.accept(input_class, request.data)
        obj = services.perform(
            self.actor, self.obj, self.verb, data, expected_version=self.expected_version(request)
        )
        return self.tagged(obj, Response(self.represent(obj)))

    def may_repeat(self, body: Any) -> None:
        """Whether an answer kept from before may be given again: its object is gone, or may still
        be seen. Raises NotFound."""
        key = body.get("id") if isinstance(body, dict) else None
        rows = self.spec.model.objects.unscoped("is the object of a kept answer still there")
        if key is not None and rows.filter(pk=key).exists():
            self.find(key)

    def represent(self, obj: Any) -> Any:
        """The JSON of one row."""
        return self.serializer_class(obj, context=self.get_serializer_context()).data  # type: ignore[misc]

    def created(self, obj: Any) -> Any:
        """The JSON after a create; where a secret is shown once, this adds it."""
        return self.represent(obj)

    @staticmethod
    def accept(
        input_class: type[serializers.Serializer[Any]], data: Any, *, partial: bool = False
    ) -> dict[str, Any]:
        """Validated input. A field that the serializer does not know, at whatever depth, is an
        error, not a surprise.

        Raises: ValidationFailed with every problem at once.
        """
        form = input_class(data=data, partial=partial)
        problems = list(itertools.islice(unknown_fields(form, data), MAX_UNKNOWN))
        if not form.is_valid():
            problems = [*problems_of(serializers.ValidationError(form.errors)), *problems]
        if problems:
            raise ValidationFailed(problems[0].text, problems=problems)
        return dict(form.validated_data)

    @staticmethod
    def tagged(obj: Any, response: Response) -> Response:
        response["ETag"] = obj.etag
        return response

    @staticmethod
    def expected_version(request: Request, *, required: bool = False) -> int | None:
        """The version in If-Match. Raises PreconditionRequired, PreconditionFailed."""
        given = request.headers.get("If-Match", "")
        if not given or given == "*":
            if required and not given:
                raise PreconditionRequired(messages.IF_MATCH_MISSING())
            return None
        match = _ETAG.fullmatch(given.strip())
        if match is None:
            raise PreconditionFailed(messages.NO_ETAG())
        return int(match[1])


class ResourceSerializer(serializers.Serializer[Any]):
    """The fields every resource sends."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    account_id = serializers.CharField()
    region = serializers.CharField()
    tags = serializers.DictField(child=serializers.CharField())
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class StatefulSerializer(ResourceSerializer):
    """The fields every resource with a life cycle sends."""

    phase = serializers.CharField()
    secondary_phase = serializers.CharField(source="secondary")
    reason = serializers.CharField()
    message = serializers.CharField()
    observed_at = serializers.DateTimeField(allow_null=True)
    legal_actions = serializers.ListField(child=serializers.CharField(), source="legal_verbs")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        view = self.context.get("view")
        actor = view.actor if view is not None else None
        return printed.withhold(actor, instance, super().to_representation(instance))


class ResourceInput(serializers.Serializer[Any]):
    """Name, description and tags as input; the model validates their rules."""

    name = serializers.CharField(max_length=64)
    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)

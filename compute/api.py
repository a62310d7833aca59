"""Flavors, pools and engines over the API."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from compute import environment
from compute.catalog.flavors import fitting, pools
from compute.engines import manage
from compute.engines.catalogue import ENGINES
from compute.slot import dirty
from compute.slot import services as slots


class LogMarkSerializer(serializers.Serializer[Any]):
    """Characters of a log's ``text`` that no program printed."""

    start = serializers.IntegerField(help_text="The first character, counted from 0.")
    length = serializers.IntegerField()
    kind = serializers.CharField(
        help_text="platform: a line of the platform's own; gap: in place of bytes left out"
    )


class FlavorSerializer(serializers.Serializer[Any]):
    """A flavor; memory and disk in MiB. The disk is what a program gets here now."""

    id = serializers.CharField()
    cpus = serializers.FloatField()
    memory_mb = serializers.IntegerField()
    disk_mb = serializers.IntegerField()


class PoolSerializer(serializers.Serializer[Any]):
    """A pool and what is free in it; `free_disk_mb`: not promised to anybody yet."""

    id = serializers.CharField()
    kind = serializers.CharField()
    cpus = serializers.FloatField()
    memory_mb = serializers.IntegerField()
    free_cpus = serializers.FloatField()
    free_memory_mb = serializers.IntegerField()
    disk_mb = serializers.IntegerField()
    free_disk_mb = serializers.IntegerField()
    flavors = FlavorSerializer(many=True)


class EngineSerializer(serializers.Serializer[Any]):
    """An engine of this host."""

    name = serializers.CharField()
    title = serializers.CharField()
    phase = serializers.CharField()
    percent = serializers.IntegerField()
    message = serializers.CharField()
    model_types = serializers.ListField(child=serializers.CharField())
    packages = serializers.DictField(child=serializers.CharField())


class PoolsView(viewsets.ViewSet):
    """Resource pools with what is free and the flavors that fit."""

    declared: ClassVar = {"list": "modelarts:pool:list"}

    @extend_schema(
        operation_id="pools_list",
        responses=inline_serializer("PoolList", {"items": PoolSerializer(many=True)}),
    )
    def list(self, request: Request) -> Response:
        return Response({"items": [self._one(pool.id) for pool in pools().values()]})

    @staticmethod
    def _one(pool_id: str) -> dict[str, Any]:
        use = slots.use(pool_id)
        return {
            "id": use.pool.id,
            "kind": use.pool.kind,
            "cpus": use.pool.cpus,
            "memory_mb": use.pool.memory_mb,
            "free_cpus": use.free_cpus,
            "free_memory_mb": use.free_memory_mb,
            "disk_mb": use.room.capacity,
            "free_disk_mb": use.room.free,
            "flavors": [
                {"id": f.id, "cpus": f.cpus, "memory_mb": f.memory_mb, "disk_mb": use.disk_of(f)}
                for f in fitting(use.pool)
            ],
        }


class SlotSerializer(serializers.Serializer[Any]):
    """A slot that is held back, and the processes that are why."""

    attempt = serializers.UUIDField(source="slot.attempt")
    pool = serializers.CharField(source="slot.pool")
    flavor = serializers.CharField(source="slot.flavor")
    account_id = serializers.CharField(source="slot.account_id")
    resource_type = serializers.CharField(source="slot.resource_type")
    resource_id = serializers.CharField(source="slot.resource_id")
    taken_at = serializers.DateTimeField(source="slot.taken_at")
    pids = serializers.ListField(child=serializers.IntegerField())


class SlotsView(viewsets.ViewSet):
    """Capacity held back because processes did not go away; for the operator's main account."""

    declared: ClassVar = {"list": dirty.ACTION, "free": dirty.ACTION}

    @extend_schema(
        operation_id="dirty_slots_list",
        responses=inline_serializer("DirtySlotList", {"items": SlotSerializer(many=True)}),
    )
    def list(self, request: Request) -> Response:
        rows = dirty.held(request._request.actor)  # type: ignore[attr-defined]
        return Response({"items": SlotSerializer(rows, many=True).data})

    @extend_schema(operation_id="dirty_slots_free", request=None, responses={204: None})
    def free(self, request: Request, pk: UUID) -> Response:
        """Give it back, unless processes still live."""
        dirty.free(request._request.actor, pk)  # type: ignore[attr-defined]
        return Response(status=204)


class EnginesView(viewsets.ViewSet):
    """Engines; POST on one prepares it before a job has to wait for it."""

    declared: ClassVar = {"list": "modelarts:image:list", "prepare": "modelarts:image:create"}

    @extend_schema(
        operation_id="engines_list",
        responses=inline_serializer("EngineList", {"items": EngineSerializer(many=True)}),
    )
    def list(self, request: Request) -> Response:
        return Response({"items": [self._one(s) for s in environment.statuses()]})

    @extend_schema(operation_id="engines_prepare", request=None, responses={202: EngineSerializer})
    def prepare(self, request: Request, name: str) -> Response:
        """Start the build unless it is ready or running."""
        environment.prepare(request._request.actor, name)  # type: ignore[attr-defined]
        return Response(self._one(manage.status(environment.root(), name)), status=202)

    @staticmethod
    def _one(status: manage.EngineStatus) -> dict[str, Any]:
        engine = ENGINES[status.name]
        return {
            "name": engine.name,
            "title": engine.title,
            "phase": status.phase,
            "percent": status.percent,
            "message": status.message,
            "model_types": list(engine.model_types),
            "packages": status.manifest.get("packages", {}),
        }

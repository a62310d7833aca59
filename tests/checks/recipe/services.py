"""The sole writers of algorithms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.algorithm.models import Algorithm

from core import services
from core.actor import Actor
from core.services import delete

__all__ = ["create", "delete", "update"]
FIELDS = ("name", "description", "tags", "code", "boot_file")


def create(actor: Actor, data: Mapping[str, Any]) -> Algorithm:
    return services.create(
        actor, Algorithm(region=actor.region, **{k: data[k] for k in FIELDS if k in data})
    )


def update(
    actor: Actor, obj: Algorithm, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Algorithm:
    changes = {k: data[k] for k in FIELDS if k in data}
    return services.update(actor, obj, changes, expected_version=expected_version)

"""Says what services use and own: to registry, sharing, and the sweep of processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from typing import Any

from compute import attempts
from registry import uses as model_uses
from registry.model.models import Model
from serving.service.models import Instance, Service
from sharing import uses as share_uses


@model_uses.register
def services_of(model: Model) -> Iterator[model_uses.Use]:
    """Every service made from the model; those at rest do not stand in a delete's way."""
    rows = Service.objects.unscoped("uses of a visible model").filter(model_id=model.pk)
    for service in rows:
        yield model_uses.Use(service, blocks=service.phase not in Service.SETTLED)


@share_uses.register
def services_that_use(resource: Any) -> list[tuple[str, str, str]]:
    """(account, kind, name) of services not at rest that run from a shared model."""
    if not isinstance(resource, Model):
        return []
    return [
        (use.what.account_id, "service", str(use.what))
        for use in services_of(resource)
        if use.blocks
    ]


@attempts.register
def attempts_of_services(ids: Collection[uuid.UUID]) -> attempts.Owned:
    """An instance is wanted until it has ended; its log as long as the service is there."""
    rows = Instance.objects.filter(pk__in=ids).values_list("pk", "ended_at")
    return attempts.owned((pk, ended is None) for pk, ended in rows)

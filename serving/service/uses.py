"""Says which services run from a model: to the registry and to the sharing room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry import uses as model_uses
from registry.model.models import Model
from serving.service.models import Service
from sharing import uses as share_uses


@model_uses.register
def services_of(model: Model) -> Iterator[model_uses.Use]:
    """Every service made from the model; those at rest do not stand in a delete's way."""
    rows = Service.objects.unscoped("uses of a visible model").filter(model_id=model.pk)
    for service in rows:
        yield model_uses.Use(service, blocks=service.phase not in Service.SETTLED)


@share_uses.register
def services_that_use(resource: Any) -> list[tuple[str, str]]:
    """(account, text) of services not at rest that run from a shared model."""
    if not isinstance(resource, Model):
        return []
    return [
        (use.what.account_id, f"service {use.what}") for use in services_of(resource) if use.blocks
    ]

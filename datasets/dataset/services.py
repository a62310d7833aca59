"""The sole writers of datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import access, references, services
from core.actor import Actor
from datasets.dataset.models import Dataset
from datasets.version import services as versions
from datasets.version.models import DatasetVersion


def create(actor: Actor, data: Mapping[str, Any]) -> Dataset:
    """Make a dataset, with its first version where ``bucket`` is given: both or neither.

    Raises: AccessDenied, ValidationFailed, QuotaExceeded, NotFound (no such bucket).
    """
    with access.writing(actor):
        dataset = services.create(
            actor,
            Dataset(
                name=data["name"],
                description=data.get("description", ""),
                tags=data.get("tags") or {},
                format=data.get("format") or Dataset.Format.IDX,
                classes=data.get("classes") or 10,
            ),
        )
        if data.get("bucket"):
            versions.add(actor, dataset, data["bucket"], data.get("prefix", ""))
    return dataset


def update(
    actor: Actor, dataset: Dataset, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Dataset:
    """Change name, description or tags. Format and classes belong to the versions made so far."""
    changes = {k: v for k, v in data.items() if k in ("name", "description", "tags")}
    return services.update(actor, dataset, changes, expected_version=expected_version)


def delete(actor: Actor, dataset: Dataset, *, expected_version: int | None = None) -> None:
    """Delete a dataset with its versions; the objects in the bucket stay.

    Raises Conflict while something still reads one of the versions, naming it.
    """
    services.delete(actor, dataset, expected_version=expected_version, before_delete=_clear)


def _clear(dataset: Dataset) -> None:
    references.refuse_if_used(dataset)
    rows = DatasetVersion.objects.unscoped("delete with their dataset").filter(dataset=dataset)
    for version in rows:
        versions.drop(version)


def add_version(actor: Actor, dataset: Dataset, data: Mapping[str, Any]) -> Dataset:
    """Handler of the verb: snapshot a prefix as the next version."""
    versions.add(actor, dataset, data["bucket"], data.get("prefix", ""), data.get("description"))
    return dataset

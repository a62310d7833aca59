"""What other rooms ask about datasets."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet

from core import access, services
from core.actor import Actor
from core.codes import label
from core.errors import Conflict, NotFound
from datasets import messages
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetFile, DatasetVersion

USE = "modelarts:dataset:use"
#: what references call a version
VERSION_TYPE = DatasetVersion._meta.label_lower


@dataclass(frozen=True, slots=True)
class VersionFile:
    """One file of a version. ``url`` is below the API's address and takes a bearer token."""

    path: str
    size: int  # bytes
    sha256: str
    url: str
    blob_id: uuid.UUID


def usable_versions(actor: Actor, *, region: str) -> list[QuerySet[DatasetVersion]]:
    """Ready versions that ``actor`` may read, and use in a job of ``region``: of own datasets, and
    of shared ones."""
    rows = Dataset.objects.unscoped("filtered by the scope of modelarts:dataset:use")
    scope = access.scope(actor, USE, Dataset)
    versions, read = DatasetVersion.objects, DatasetVersion.READ_VERB
    ready = {"phase": DatasetVersion.Phase.READY, "region": region}
    return [
        readable.filter(**ready, dataset__in=rows.filter(condition).values("pk")).select_related(
            "dataset"
        )
        for readable, condition in (
            (versions.own(actor, read), scope.own),
            (versions.shared(actor, read), scope.shared),
        )
        if condition is not None
    ]


def usable_version(actor: Actor, version_id: uuid.UUID | str) -> DatasetVersion:
    """The version, if ``actor`` may use it in a job.

    Raises: NotFound (not there, or not the actor's to see), AccessDenied (seen, not usable),
    Conflict (DATASET_NOT_READY: not checked yet, or its data breaks a rule).
    """
    version = visible_version(actor, version_id)
    access.authorize(actor, USE, version.dataset)
    if not version.is_usable:
        raise Conflict(
            messages.DATASET_NOT_READY(
                version=version, phase=label(version.Phase(version.phase).label)
            ),
            extra={"phase": version.phase},
        )
    return version


def visible_version(actor: Actor, version_id: uuid.UUID | str) -> DatasetVersion:
    """The version with its dataset, if ``actor`` may see it. Raises NotFound."""
    return services.visible(DatasetVersion, actor, pk=version_id)


def version_files(version_id: uuid.UUID) -> list[VersionFile]:
    """Manifest of a version by path; checks no right, for callers that have asked (a job's
    launch)."""
    rows = DatasetFile.objects.filter(version_id=version_id).order_by("path")
    return [
        VersionFile(row.path, row.size, row.sha256, file_url(version_id, row.path), row.blob_id)
        for row in rows
    ]


def file_url(version_id: Any, path: str) -> str:
    """Address of one file below the API's base."""
    return f"/dataset-versions/{version_id}/files/{quote(path)}"


def version_file(actor: Actor, version_id: uuid.UUID | str, path: str) -> DatasetFile:
    """One file with its blob, for callers that may see or use the version.

    ``use`` alone is enough, because a job's credential may hold no more than its user gave it.
    Raises: NotFound, AccessDenied.
    """
    version = readable_version(actor, version_id)
    row = DatasetFile.objects.select_related("blob").filter(version=version, path=path).first()
    if row is None:
        raise NotFound()
    return row


def readable_version(actor: Actor, version_id: uuid.UUID | str) -> DatasetVersion:
    """The version, if ``actor`` may see it or use it. Raises NotFound."""
    try:
        return visible_version(actor, version_id)
    except NotFound:
        # One question to the database whether the version is there or not: work tells nothing.
        usable = Dataset.objects.for_action(actor, "use")
        rows = DatasetVersion.objects.unscoped("of datasets that modelarts:dataset:use opens")
        version: DatasetVersion | None = (
            rows.select_related("dataset").filter(pk=version_id, dataset__in=usable).first()
        )
        if version is None:
            raise
        return version

"""The sole writers of dataset versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from core import access, references, regions, services, states
from core.actor import Actor
from core.errors import Problem, ValidationFailed
from datasets import messages
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetFile, DatasetVersion
from sharing import trail
from storage.blob import services as blobs
from storage.bucket import queries as buckets
from storage.keys import normalise_folder
from storage.object import listing
from storage.object.models import StoredObject

MAX_FILES = 20_000
#: what one check reads in less time than a task has, also when it is compressed
MAX_IDX_BYTES = 2 * 1024**3


def create(actor: Actor, data: Mapping[str, Any]) -> DatasetVersion:
    """The next version of ``dataset`` (an id) from ``bucket`` and ``prefix``."""
    dataset = services.visible(Dataset, actor, pk=data["dataset"])
    return add(
        actor, dataset, data["bucket"], data.get("prefix", ""), data.get("description") or ""
    )


def add(
    actor: Actor, dataset: Dataset, bucket: str, prefix: str, description: str | None = ""
) -> DatasetVersion:
    """Snapshot everything below ``prefix`` that the actor may read. The check follows by itself.

    The listing is taken once, with the rights of the actor; objects that come later belong to the
    next version.

    Raises: AccessDenied, NotFound, ValidationFailed (nothing there, too much, other region).
    """
    folder = normalise_folder(prefix)
    with access.writing(actor, of=(dataset.account_id,)):
        dataset = services.lock(dataset)
        found = _snapshot(actor, dataset, bucket, folder)
        last = DatasetVersion.objects.unscoped("next number").filter(dataset=dataset)
        number = (last.aggregate(n=Max("number"))["n"] or 0) + 1
        version = DatasetVersion(
            dataset=dataset,
            number=number,
            name=f"V{number:03d}",
            region=dataset.region,
            description=description or "",
            format=dataset.format,
            classes=dataset.classes,
            source={"bucket": bucket, "prefix": folder},
            file_count=len(found),
            size=sum(row.size for row in found),
            digest=manifest_digest([(row.key[len(folder) :], row.sha256) for row in found]),
        )
        states.start(version, DatasetVersion.Phase.CREATING)
        return services.create(
            actor, version, after_save=lambda made: _manifest(made, found, folder)
        )


def _snapshot(actor: Actor, dataset: Dataset, bucket: str, folder: str) -> list[StoredObject]:
    listing.list_objects(actor, bucket, prefix=folder, limit=1)  # asks for the right to list
    place = buckets.own_bucket(actor, bucket)
    if dataset.account_id != actor.account_id:
        raise ValidationFailed.of("dataset", messages.NOT_YOURS())
    regions.require(place, dataset.region, Dataset, field="bucket")
    rows = listing.in_prefix(listing.visible_rows(actor).filter(bucket=place), folder)
    # Locked: an upload that replaces one of them waits, so its old bytes are not collected
    # before this manifest refers to them.
    found = list(rows.order_by("key").select_for_update(of=("self",))[: MAX_FILES + 1])
    problem = _too_much_or_little(place.name, folder, found, dataset.format)
    if problem:
        raise ValidationFailed(problem.text, problems=[problem])
    return found


def _too_much_or_little(
    bucket: str, folder: str, found: list[StoredObject], kind: str
) -> Problem | None:
    if not found:
        return Problem("prefix", messages.NOTHING_THERE(bucket=bucket, folder=folder))
    if len(found) > MAX_FILES:
        return Problem(
            "prefix", messages.TOO_MANY_FILES(most=MAX_FILES, bucket=bucket, folder=folder)
        )
    size = sum(row.size for row in found)
    if kind == Dataset.Format.IDX and size > MAX_IDX_BYTES:
        return Problem("prefix", messages.TOO_LARGE(size=size, most=MAX_IDX_BYTES))
    return None


def _manifest(version: DatasetVersion, found: list[StoredObject], folder: str) -> None:
    DatasetFile.objects.bulk_create(
        [
            DatasetFile(
                version=version,
                path=row.key[len(folder) :],
                blob_id=row.blob_id,
                size=row.size,
                sha256=row.sha256,
            )
            for row in found
        ],
        batch_size=500,
    )


def manifest_digest(files: list[tuple[str, str]]) -> str:
    """SHA-256 over the sorted lines ``<sha256>  <path>``, as ``sha256sum`` would print them."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def update(
    actor: Actor,
    version: DatasetVersion,
    data: Mapping[str, Any],
    *,
    expected_version: int | None = None,
) -> DatasetVersion:
    """Change description or tags; everything else of a version is fixed."""
    changes = {k: v for k, v in data.items() if k in ("description", "tags")}
    return services.update(actor, version, changes, expected_version=expected_version)


def delete(actor: Actor, version: DatasetVersion, *, expected_version: int | None = None) -> None:
    """Delete a version; the objects in the bucket stay. Who was given the dataset is told in the
    trail. Raises Conflict while it is read."""

    def clear(row: DatasetVersion) -> None:
        _clear(row)
        trail.gone(actor, row, of=row.dataset)

    services.delete(actor, version, expected_version=expected_version, before_delete=clear)


def _clear(version: DatasetVersion) -> None:
    references.refuse_if_used(version)
    release(version)


def drop(version: DatasetVersion) -> None:
    """Remove a version whose deletion was decided and audited with its dataset's."""
    release(version)
    version.delete()


def release(version: DatasetVersion) -> None:
    """Let go of the bytes; those that nothing else refers to are removed after the commit."""
    rows = DatasetFile.objects.filter(version=version)
    ids = list(rows.values_list("blob_id", flat=True))
    rows.delete()
    blobs.release_on_commit(ids)


def retry(actor: Actor, version: DatasetVersion, data: Mapping[str, Any]) -> DatasetVersion:
    """Handler of the verb: check again what could not be checked."""
    return states.transition(
        version,
        DatasetVersion.Phase.VALIDATING,
        actor=actor,
        message=messages.CHECK_AGAIN(),
        summary={},
        problems=[],
    )

"""What the tabs of a dataset show: its versions, and the inside of the current one."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, OuterRef, Subquery, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from console.pages import references
from console.pages.base import status_of
from core import access
from core.actor import Actor
from core.registry import InventoryGroup
from datasets.dataset.models import Dataset
from datasets.dataset.queries import versions_of
from datasets.version import tabs
from datasets.version.models import DatasetVersion
from sharing import queries as sharing

LIST = "modelarts:dataset:listDatasetVersions"
SHOWN = 200


def current(dataset: Dataset) -> DatasetVersion | None:
    """The newest version that may be trained on, else the newest at all."""
    rows = versions_of(dataset)
    found: DatasetVersion | None = (
        rows.filter(phase=DatasetVersion.Phase.READY).first() or rows.first()
    )
    return found


def note_current(datasets: list[Dataset]) -> None:
    """Set ``newest`` of each dataset to what ``current`` says, in one query."""
    rows = DatasetVersion.objects.unscoped("versions of visible datasets")
    ready_first = Case(When(phase=DatasetVersion.Phase.READY, then=0), default=1)
    best = rows.filter(dataset=OuterRef("dataset")).order_by(ready_first, "-number")
    found = rows.filter(dataset__in=datasets, pk=Subquery(best.values("pk")[:1]))
    by_dataset = {version.dataset_id: version for version in found}
    for dataset in datasets:
        dataset.newest = by_dataset.get(dataset.pk)  # type: ignore[attr-defined]


def visible_current(request: HttpRequest, dataset: Dataset) -> DatasetVersion | None:
    """The current version, if the viewer may open it."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = current(dataset)
    if found is None:
        return None
    action = "modelarts:dataset:getDatasetVersion"
    return found if access.decide(actor, action, found).allowed else None


def samples_tab(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    return tabs.samples_context(request, visible_current(request, dataset))


def distribution_tab(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    return tabs.distribution_context(request, visible_current(request, dataset))


def files_tab(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    return tabs.files_context(request, visible_current(request, dataset))


def versions_tab(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    """Every version with its status."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    own = dataset.account_id == actor.account_id
    may_add = (
        own and access.decide(actor, "modelarts:dataset:createDatasetVersion", dataset).allowed
    )
    return {
        "versions": [
            {
                "version": version,
                "status": status_of(version),
                "url": reverse("dataset-versions:detail", kwargs={"pk": version.pk}),
                "train_url": f"/training-jobs/new?dataset_version={version.pk}"
                if version.is_usable
                else "",
                "problems": len(version.problems),
            }
            for version in versions_of(dataset)[:SHOWN]
        ],
        "add_url": reverse("datasets:verb", kwargs={"pk": dataset.pk, "verb": "add-version"})
        if may_add
        else "",
    }


def inventory(actor: Actor, dataset: Dataset) -> list[InventoryGroup]:
    """What deleting the dataset takes along and what it would break."""
    groups = []
    rows = list(versions_of(dataset)[:50])
    if rows:
        items = tuple(
            (str(v), reverse("dataset-versions:detail", kwargs={"pk": v.pk})) for v in rows
        )
        groups.append(InventoryGroup(_("Versions that go with it"), items, "warning"))
    return [*groups, *references.inventory(actor, dataset), *sharing.inventory(dataset)]

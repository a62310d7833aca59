"""What the tabs of a version show; a dataset's page shows those of its newest usable version."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from console.pages import references
from core.actor import Actor
from core.budget import Exceeded
from core.registry import InventoryGroup
from datasets import idx
from datasets.queries import file_url
from datasets.version import samples
from datasets.version.models import DatasetFile, DatasetVersion
from sharing import queries as sharing

FILES_SHOWN = 500


def samples_context(request: HttpRequest, version: DatasetVersion | None) -> dict[str, Any]:
    """Pictures with their labels, a page at a time."""
    if version is None:
        return {"dataset_version": None}
    known = samples.splits(version)
    context: dict[str, Any] = {
        "dataset_version": version,
        "splits": [],
        "samples": [],
        "problem": "",
    }
    if not known:
        return context
    split = request.GET.get("split", "")
    split = split if split in known else next(iter(known))
    size, count = samples.per_page(version, split), known[split]["count"]
    pages = (count + size - 1) // size
    number = request.GET.get("page", "")
    page = min(max(1, int(number[:9])), pages) if number.isascii() and number.isdigit() else 1
    try:
        found = samples.window(version, split, page - 1)
    except (idx.IdxError, OSError) as error:
        return {**context, "problem": str(error)}
    except Exceeded:
        return {
            **context,
            "problem": _("Reading up to this page takes too much; see an earlier one."),
        }
    picture = reverse("dataset-versions:picture", kwargs={"pk": version.pk})
    return {
        **context,
        "splits": [
            {"name": n, "label": _split(n), "url": f"?split={n}", "active": n == split, "count": c}
            for n, c in ((n, s["count"]) for n, s in known.items())
        ],
        "samples": [
            {
                "src": f"{picture}?split={split}&index={one.index}",
                "label": str(one.label),
                "caption": f"#{one.index}",
            }
            for one in found.samples
        ],
        "page": {
            "number": page,
            "pages": pages,
            "first": (page - 1) * size + 1,
            "last": (page - 1) * size + len(found.samples),
            "count": count,
            "prev_url": f"?split={split}&page={page - 1}" if page > 1 else "",
            "next_url": f"?split={split}&page={page + 1}" if page < pages else "",
        },
    }


def _split(name: str) -> str:
    return {"train": _("Training"), "test": _("Test")}.get(name, name)


def distribution_context(request: HttpRequest, version: DatasetVersion | None) -> dict[str, Any]:
    """Examples per class and split, as a chart."""
    return {
        "dataset_version": version,
        "splits": samples.splits(version) if version else {},
        "chart_url": reverse("dataset-versions:classes", kwargs={"pk": version.pk})
        if version
        else "",
    }


def classes_chart(version: DatasetVersion) -> dict[str, Any]:
    """JSON of the class chart."""
    known = samples.splits(version)
    labels = sorted({int(label) for split in known.values() for label in split["histogram"]})
    return {
        "kind": "bar",
        "x": [str(label) for label in labels],
        "x_kind": "category",
        "x_label": _("class"),
        "series": [
            {
                "name": _split(name),
                "data": [split["histogram"].get(str(label), 0) for label in labels],
            }
            for name, split in known.items()
        ],
        "empty": "" if labels else _("No labels were read."),
        "done": version.is_settled,
    }


def files_context(request: HttpRequest, version: DatasetVersion | None) -> dict[str, Any]:
    """The manifest: path, size, digest."""
    if version is None:
        return {"dataset_version": None}
    rows = DatasetFile.objects.filter(version=version).order_by("path")[:FILES_SHOWN]
    return {
        "dataset_version": version,
        "files": [
            {
                "path": row.path,
                "size": row.size,
                "sha256": row.sha256,
                "url": f"/api/v1{file_url(version.pk, row.path)}",
            }
            for row in rows
        ],
        "more": max(0, version.file_count - FILES_SHOWN),
    }


def inventory(actor: Actor, version: DatasetVersion) -> list[InventoryGroup]:
    """What deleting the version meets, and who loses it with the owner."""
    given = sharing.inventory(version.dataset, "warning")
    return [*references.inventory(actor, version), *given]

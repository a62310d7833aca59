"""The declaration of dataset versions. They are reached from their dataset, so no menu entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from console.pages.references import lineage_tab, used_by_tab
from console.ui.format import bytes_text, number_text
from core import registry
from core.actor import Actor
from core.registry import Column, Item, Panel, Ref, ResourceSpec, Role, Tab, Verb
from datasets.dataset.models import Dataset
from datasets.version import tabs
from datasets.version.models import DatasetVersion
from storage.bucket import queries as buckets


def panels(version: DatasetVersion, actor: Actor) -> list[Panel]:
    """Contents, findings and where it came from."""
    dataset_url = reverse("datasets:detail", kwargs={"pk": version.dataset_id})
    facts = [
        Item(_("Dataset"), format_html('<a href="{}">{}</a>', dataset_url, version.dataset.name)),
        Item(_("Format"), version.get_format_display()),
        Item(_("Files"), number_text(version.file_count)),
        Item(_("Size"), bytes_text(version.size)),
        Item(_("Digest of the manifest"), version.digest[:16], copy=version.digest),
    ]
    if version.account_id == actor.account_id:
        source = f"obs://{version.source.get('bucket', '')}/{version.source.get('prefix', '')}"
        facts.append(Item(_("Taken from"), source, copy=source))
    found = [Panel(_("Version"), tuple(facts), icon="versions")]
    splits = version.summary.get("splits", {})
    if splits:
        found.append(Panel(_("Images"), tuple(_split_items(splits)), icon="photo"))
    if version.is_usable:
        found.append(
            Panel(
                _("Use it"),
                icon="player-play",
                template="datasets/datasetversion/use.html",
                context={"train_url": f"/training-jobs/new?dataset_version={version.pk}"},
            )
        )
    if version.problems:
        found.append(
            Panel(
                _("Findings"),
                icon="alert-triangle",
                template="datasets/datasetversion/problems.html",
                context={"problems": version.problems},
                span=12,
            )
        )
    return found


def _split_items(splits: dict[str, Any]) -> list[Item]:
    labels = {"train": _("Training images"), "test": _("Test images")}
    items = []
    for name, label in labels.items():
        split = splits.get(name)
        if split:
            rows, cols = split["shape"]
            text = f"{number_text(split['count'])} × {rows} × {cols}"
            items.append(Item(label, text))
    return items


def refers_to(version: DatasetVersion) -> Iterator[Ref]:
    """The folder it was made from."""
    source = version.source
    if source:
        for pk in buckets.ids_of(version.account_id, [source["bucket"]]).values():
            yield Ref("source", buckets.TYPE, pk, source.get("prefix", ""))


def _is_idx(version: DatasetVersion, actor: Actor) -> bool:
    return bool(version.format == Dataset.Format.IDX)


SPEC = registry.register(
    ResourceSpec(
        model=DatasetVersion,
        slug="dataset-versions",
        iam="modelarts:dataset",
        label=_("Dataset version"),
        label_plural=_("Dataset versions"),
        icon="versions",
        description=_("A snapshot of files that never changes."),
        empty_title=_("No version yet"),
        empty_text=_("Take one from a folder of a bucket."),
        actions={
            "list": "listDatasetVersions",
            "get": "getDatasetVersion",
            "create": "createDatasetVersion",
            "update": "updateDataset",
            "delete": "deleteDatasetVersion",
        },
        columns=(
            Column("name", _("Version"), render=str, sort="number"),
            Column("phase", _("Status"), render=lambda v: v.phase_label, sort="phase"),
            Column("file_count", _("Files"), align="end"),
            Column("size", _("Size"), render=lambda v: bytes_text(v.size), align="end"),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        filters=("phase", "dataset"),
        search=("name", "dataset__name", "description"),
        verbs=(
            Verb(
                "retry",
                "modelarts:dataset:createDatasetVersion",
                _("Check again"),
                "datasets.version.services.retry",
                icon="refresh",
                phases=frozenset({"Error"}),
                event="retryDatasetVersion",
            ),
        ),
        tabs=(
            Tab(
                "samples",
                _("Samples"),
                "datasets/datasetversion/samples.html",
                tabs.samples_context,
                shown=_is_idx,
            ),
            Tab(
                "distribution",
                _("Distribution"),
                "datasets/datasetversion/distribution.html",
                tabs.distribution_context,
                shown=_is_idx,
            ),
            Tab(
                "files",
                _("Files"),
                "datasets/datasetversion/files.html",
                tabs.files_context,
                count=lambda v: int(v.file_count),
            ),
            used_by_tab(
                _("Jobs that read it will be listed."),
                shown=lambda v, actor: bool(v.account_id == actor.account_id),
                counted=True,
            ),
            lineage_tab(),
        ),
        panels=panels,
        prepare=lambda rows: rows.select_related("dataset"),
        #: a version keeps its bytes by itself, so it holds no bucket
        references={"source": Role(_("was made from"))},
        refers_to=refers_to,
        form="datasets.version.forms.VersionForm",
        edit_form="datasets.version.forms.VersionEditForm",
        viewset="datasets.version.api.VersionViewSet",
        services="datasets.version.services",
        inventory="datasets.version.tabs.inventory",
        trail_type="dataset",
        shared_with="datasets.dataset",
        events={
            "create": "publishDatasetVersion",
            "update": "updateDatasetVersion",
            "delete": "deleteDatasetVersion",
        },
        live_token=lambda v: str(v.secondary),
        views={
            "extra:picture": "datasets.version.pages.PicturePage",
            "extra:classes": "datasets.version.pages.ClassesPage",
        },
    )
)

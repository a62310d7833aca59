"""What pages show of dataset versions."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.references import lineage_tab, used_by_tab
from console.screens import Button, Column, Item, Panel, Screen, Tab
from console.ui.format import bytes_text, number_text
from core.actor import Actor
from core.codes import findings
from datasets.dataset.models import Dataset
from datasets.version import tabs
from datasets.version.api import VersionViewSet
from datasets.version.forms import VersionEditForm, VersionForm
from datasets.version.models import DatasetVersion
from datasets.version.pages import ClassesPage, PicturePage


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
                context={"problems": findings(version.problems)},
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


def _is_idx(version: DatasetVersion, actor: Actor) -> bool:
    return bool(version.format == Dataset.Format.IDX)


screens.register(
    Screen(
        model=DatasetVersion,
        icon="versions",
        description=_("A snapshot of files that never changes."),
        empty_title=_("No version yet"),
        empty_text=_("Take one from a folder of a bucket."),
        columns=(
            Column("name", _("Version"), render=str, sort="number"),
            Column("phase", _("Status"), render=lambda v: v.phase_label, sort="phase"),
            Column("file_count", _("Files"), align="end"),
            Column("size", _("Size"), render=lambda v: bytes_text(v.size), align="end"),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        buttons={
            "retry": Button(
                icon="refresh",
            ),
        },
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
        form=VersionForm,
        edit_form=VersionEditForm,
        viewset=VersionViewSet,
        inventory=tabs.inventory,
        live_token=lambda v: str(v.secondary),
        views={
            "extra:picture": PicturePage,
            "extra:classes": ClassesPage,
        },
    )
)

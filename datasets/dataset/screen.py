"""What pages show of datasets."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.references import used_by_tab
from console.screens import Button, Column, Item, Panel, Screen, Tab
from console.ui.format import bytes_text, number_text
from core.actor import Actor
from datasets.dataset import queries, tabs
from datasets.dataset.api import DatasetViewSet
from datasets.dataset.forms import DatasetEditForm, DatasetForm
from datasets.dataset.models import Dataset
from datasets.version.forms import AddVersionForm


def panels(dataset: Dataset, actor: Actor) -> list[Panel]:
    """Format, the current version, and the next step."""
    version = tabs.current(dataset)
    facts = [Item(_("Format"), dataset.get_format_display())]
    if dataset.format == Dataset.Format.IDX:
        facts.append(Item(_("Classes"), number_text(dataset.classes)))
    found = [Panel(_("Dataset"), tuple(facts), icon="photo")]
    found.append(
        Panel(
            _("Current version"),
            (
                Item(_("Files"), number_text(version.file_count)),
                Item(_("Size"), bytes_text(version.size)),
            )
            if version
            else (),
            icon="versions",
            template="datasets/dataset/current.html",
            context={
                "version": version,
                "own": dataset.account_id == actor.account_id,
                "train_url": f"/training-jobs/new?dataset_version={version.pk}"
                if version and version.is_usable
                else "",
            },
        )
    )
    return found


def live_token(dataset: Dataset) -> str:
    """Changes when a version does."""
    rows = queries.versions_of(dataset).values_list("version", "secondary")
    return ".".join(f"{version}{secondary}" for version, secondary in rows[:20])


def _is_idx(dataset: Dataset, actor: Actor) -> bool:
    return bool(dataset.format == Dataset.Format.IDX)


screens.register(
    Screen(
        model=Dataset,
        icon="photo",
        description=_("Data with numbered versions that never change, checked before use."),
        empty_title=_("No dataset yet"),
        empty_text=_("Put files into a bucket, then make a dataset of the folder."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("format", _("Format"), render=lambda d: d.get_format_display()),
            Column("description", _("Description")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        buttons={
            "add-version": Button(
                icon="plus",
                form=AddVersionForm,
            ),
        },
        tabs=(
            Tab(
                "samples",
                _("Samples"),
                "datasets/datasetversion/samples.html",
                tabs.samples_tab,
                shown=_is_idx,
            ),
            Tab(
                "distribution",
                _("Distribution"),
                "datasets/datasetversion/distribution.html",
                tabs.distribution_tab,
                shown=_is_idx,
            ),
            Tab(
                "versions",
                _("Versions"),
                "datasets/dataset/versions.html",
                tabs.versions_tab,
                action=tabs.LIST,
                count=lambda d: int(queries.versions_of(d).count()),
            ),
            Tab("files", _("Files"), "datasets/datasetversion/files.html", tabs.files_tab),
            used_by_tab(
                _("Jobs that read it will be listed."),
                shown=lambda d, actor: bool(d.account_id == actor.account_id),
                counted=True,
            ),
        ),
        panels=panels,
        form=DatasetForm,
        edit_form=DatasetEditForm,
        viewset=DatasetViewSet,
        inventory=tabs.inventory,
        live_token=live_token,
    )
)

"""What pages show of buckets."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.references import used_by_tab
from console.screens import Button, Column, Item, Panel, Screen, Tab
from console.ui.format import bytes_text, number_text
from core.actor import Actor
from storage.bucket import queries, tabs
from storage.bucket.api import BucketViewSet
from storage.bucket.forms import BucketEditForm, BucketForm
from storage.bucket.models import Bucket
from storage.bucket.pages import RemovePage
from storage.bucket.tabs import objects_tab


def script(bucket: Bucket) -> str:
    """Shell lines that send a file, fetch it and list a folder."""
    base = f"{settings.WEB_URL}/api/v1/buckets/{bucket.name}/objects"
    bearer = '-H "Authorization: Bearer $MODELYARD_TOKEN"'
    return (
        f"curl {bearer} -T data.gz {base}/folder/data.gz\n"
        f"curl {bearer} -O {base}/folder/data.gz\n"
        f"curl {bearer} '{base}?prefix=folder/'"
    )


def panels(bucket: Bucket, actor: Actor) -> list[Panel]:
    """Contents, and how scripts address the bucket."""
    held = queries.contents(bucket)
    path = f"obs:*:*:object:{bucket.name}/*"
    return [
        Panel(
            _("Contents"),
            (
                Item(_("Objects"), number_text(held.count)),
                Item(_("Size"), bytes_text(held.bytes)),
                Item(_("Region"), bucket.region),
                Item(_("Path in policies"), path, copy=path),
            ),
            icon="database",
        ),
        Panel(
            _("From a script"),
            icon="terminal-2",
            template="storage/bucket/script.html",
            context={"code": script(bucket)},
        ),
    ]


screens.register(
    Screen(
        model=Bucket,
        icon="bucket",
        description=_("Objects that jobs read and write: code, data, models."),
        empty_title=_("No bucket yet"),
        empty_text=_("Create one, drop your files into it, and make a dataset of them."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("region", _("Region")),
            Column("description", _("Description")),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        buttons={
            "purge": Button(
                icon="eraser",
                tone="danger",
                confirm=_(
                    "Every object in it is deleted. Dataset versions made of them keep their bytes."
                ),
                typed=True,
                inventory=tabs.inventory,
            ),
        },
        tabs=(
            Tab(
                "objects",
                _("Objects"),
                "storage/bucket/objects.html",
                objects_tab,
                action="obs:bucket:ListBucket",
            ),
            used_by_tab(
                _("Jobs, datasets and models that read or write here will be listed."),
                counted=True,
            ),
        ),
        panels=panels,
        form=BucketForm,
        edit_form=BucketEditForm,
        viewset=BucketViewSet,
        inventory=tabs.inventory,
        views={
            "extra:remove": RemovePage,
        },
    )
)

"""Inputs and outputs of a job on its page: where they lie, and how the program gets them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.screens import Panel
from console.ui.html import copy_button
from core.actor import Actor
from datasets.version.models import DatasetVersion
from storage.bucket.models import Bucket
from training.job.launch import local_path, method_of
from training.job.models import TrainingJob


def places(job: TrainingJob, actor: Actor) -> Panel:
    """The tables of inputs and outputs; a path is a link where the reader may see what it names."""
    items = [*job.inputs, *job.outputs]
    names = {item["bucket"] for item in items if "bucket" in item}
    buckets = Bucket.objects.for_action(actor, "get").filter(
        account_id=job.account_id, name__in=names
    )
    ids = {uuid.UUID(item["dataset_version"]) for item in items if "dataset_version" in item}
    versions = DatasetVersion.objects.for_action(actor, "get").filter(pk__in=ids)
    urls = {
        "bucket": {
            bucket.name: reverse("buckets:tab", args=[bucket.pk, "objects"]) for bucket in buckets
        },
        "version": {
            str(version.pk): (reverse("dataset-versions:detail", args=[version.pk]), version)
            for version in versions.select_related("dataset")
        },
    }
    tables = [
        {
            "title": title,
            "rows": [_row(item, kind, urls) for item in rows],
        }
        for title, kind, rows in (
            (_("Input path"), "inputs", job.inputs),
            (_("Output path"), "outputs", job.outputs),
        )
        if rows
    ]
    return Panel(
        _("Inputs and outputs"),
        template="training/trainingjob/places.html",
        icon="arrows-exchange",
        context={"tables": tables, "no_model": job.phase == "Completed" and not _has_model(job)},
        span=12,
    )


def _row(item: Mapping[str, Any], kind: str, urls: Mapping[str, Any]) -> dict[str, Any]:
    row = {"name": item["name"], "local": local_path(item, kind), "env": method_of(item) == "env"}
    if "dataset_version" in item:
        url, version = urls["version"].get(item["dataset_version"], ("", None))
        shown = f"{version.dataset.name} {version.name}" if version else item["dataset_version"]
        return row | {"path": _linked(item["dataset_version"], shown, url)}
    path, url = f"obs://{item['bucket']}/{item['prefix']}", urls["bucket"].get(item["bucket"], "")
    folder = f"{url}?{urlencode({'prefix': item['prefix']})}" if url else ""
    return row | {
        "path": _linked(path, path, folder),
        "predownload": bool(item.get("predownload")),
    }


def _linked(copied: str, shown: str, url: str) -> SafeString:
    link = format_html('<a href="{}">{}</a>', url, shown) if url else shown
    return format_html('<span class="text-break">{}</span> {}', link, copy_button(copied))


def _has_model(job: TrainingJob) -> bool:
    attempt = job.attempt
    uploaded = (attempt.report or {}).get("uploaded", []) if attempt else []
    return any(str(file.get("path", "")).startswith("model/") for file in uploaded)

"""What the tabs of a bucket show."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from console.pages import references
from console.ui.format import bytes_text
from core import access
from core.actor import Actor
from core.errors import ValidationFailed
from core.registry import InventoryGroup
from storage.bucket import queries
from storage.bucket.models import Bucket
from storage.object import listing
from storage.object.services import PUT, max_bytes

PER_PAGE = 100


def objects_tab(request: HttpRequest, bucket: Bucket) -> dict[str, Any]:
    """One folder of the bucket: folders first, then objects, a page at a time."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    problem = ""
    prefix, marker = request.GET.get("prefix", ""), request.GET.get("marker", "")
    if folder := request.GET.get("folder", "").strip().strip("/"):
        prefix, marker = f"{prefix}{folder}/", ""  # a folder begins with its first object
    try:
        page = listing.list_objects(
            actor, bucket.name, prefix=prefix, marker=marker, limit=PER_PAGE, delimiter="/"
        )
    except ValidationFailed as error:
        problem, page, prefix, marker = error.message, listing.Page(), "", ""
    here = reverse("buckets:tab", kwargs={"pk": bucket.pk, "tab": "objects"})
    base = reverse("bucket-objects", kwargs={"bucket": bucket.name})
    return {
        "problem": problem,
        "prefix": prefix,
        "crumbs": _crumbs(here, prefix),
        "folders": [
            {"name": folder[len(prefix) :], "url": f"{here}?{urlencode({'prefix': folder})}"}
            for folder in page.prefixes
        ],
        "files": [
            {
                "name": row.key[len(prefix) :],
                "key": row.key,
                "size": row.size,
                "sha256": row.sha256,
                "updated_at": row.updated_at,
                "url": f"{base}/{quote(row.key)}",
            }
            for row in page.items
        ],
        "next_url": _more(here, prefix, page.next_marker),
        "first_url": f"{here}?{urlencode({'prefix': prefix})}" if marker else "",
        "put_url": f"{base}/{{key}}",
        "can_put": _may_put(actor, bucket, prefix),
        "max_bytes": max_bytes(),
        "remove_url": reverse("buckets:remove", kwargs={"pk": bucket.pk}),
        "dataset_url": f"/datasets/new?{urlencode({'bucket': bucket.name, 'prefix': prefix})}",
    }


def _may_put(actor: Actor, bucket: Bucket, prefix: str) -> bool:
    """Whether to offer the drop area: asked for a plausible new key of this folder."""
    target = queries.inside(bucket, f"{prefix}file")
    return bucket.account_id == actor.account_id and access.decide(actor, PUT, target).allowed


def _crumbs(here: str, prefix: str) -> list[dict[str, str]]:
    crumbs, path = [], ""
    for part in prefix.split("/")[:-1]:
        path += f"{part}/"
        crumbs.append({"name": part, "url": f"{here}?{urlencode({'prefix': path})}"})
    return crumbs


def _more(here: str, prefix: str, marker: str | None) -> str:
    return f"{here}?{urlencode({'prefix': prefix, 'marker': marker})}" if marker else ""


def inventory(actor: Actor, bucket: Bucket) -> list[InventoryGroup]:
    """What emptying or deleting the bucket meets."""
    groups = []
    held = queries.contents(bucket)
    if held.count:
        url = reverse("buckets:tab", kwargs={"pk": bucket.pk, "tab": "objects"})
        text = _("All objects, %(size)s") % {"size": bytes_text(held.bytes)}
        groups.append(InventoryGroup(_("Objects in it"), ((text, url),), "warning", held.count))
    return [*groups, *references.inventory(actor, bucket)]

"""What the pages show of references: the tabs Used by and Lineage, and what a delete meets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console import screens
from console.pages.base import status_of
from console.screens import Tab
from core import lineage, references, registry
from core.actor import Actor
from core.registry import InventoryGroup

#: lines of one group on a confirm page
LISTED = 50


def used_by_tab(
    empty_text: Any, *, shown: Callable[[Any, Actor], bool] | None = None, counted: bool = False
) -> Tab:
    """The tab of a type that others refer to. ``counted``: a number stands beside its name, which
    counts other accounts, too: only where none but the owner's account sees the tab."""

    def context(request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {**_used_by(request, obj), "empty_text": empty_text}

    return Tab(
        "used-by",
        gettext_lazy("Used by"),
        "generic/tabs/used_by.html",
        context,
        shown=shown,
        count=references.count if counted else None,
    )


def _used_by(request: HttpRequest, obj: Any) -> dict[str, Any]:
    found = references.uses(obj, request.actor)  # type: ignore[attr-defined]
    return {
        "uses": [
            {
                **_line(use.referrer),
                "how": use.says,
                "path": use.path,
                "whole": use.whole,
                "blocks": use.blocks,
            }
            for use in found.shown
        ],
        "hidden": found.hidden,
        "more": references.SHOWN if found.more else 0,
        "elsewhere": [
            {"text": references.elsewhere_text(kind, number), "blocks": at_work}
            for kind, number, at_work in found.elsewhere
        ],
    }


def lineage_tab() -> Tab:
    """The tab of a type that is made from something, or that something is made from."""
    return Tab("lineage", gettext_lazy("Lineage"), "generic/tabs/lineage.html", _lineage)


def _lineage(request: HttpRequest, obj: Any) -> dict[str, Any]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return {
        "directions": [
            {
                "title": _("Made from"),
                "icon": "arrow-back-up",
                "nodes": _nodes(lineage.sources(obj, actor)),
                "none": _("It refers to nothing that is recorded here."),
            },
            {
                "title": _("Made of it"),
                "icon": "arrow-narrow-right",
                "nodes": _nodes(lineage.results(obj, actor)),
                "none": _("Nothing was made of it yet."),
            },
        ]
    }


def _nodes(found: Iterable[lineage.Node]) -> list[dict[str, Any]]:
    lines = []
    for node in found:
        spec = registry.spec_by_type(node.kind)
        known = (
            _line(node.row)
            if node.row is not None
            else {"label": spec.label, "icon": screens.of(spec).icon}
        )
        lines.append(
            {**known, "how": node.says, "path": node.path, "whole": node.whole, "depth": node.depth}
        )
    return lines


def _line(row: Any) -> dict[str, Any]:
    spec = registry.spec_of(row)
    return {
        "label": spec.label,
        "icon": screens.of(spec).icon,
        "name": str(row),
        "url": reverse(f"{spec.slug}:detail", kwargs={"pk": row.pk}),
        "status": status_of(row),
    }


def inventory(actor: Actor, obj: Any) -> list[InventoryGroup]:
    """What deleting ``obj`` meets: what refuses it, and what refers to it without need of it."""
    found = references.uses(obj, actor)
    groups = []
    for label, severity, blocks in (
        (_("In use right now"), "danger", True),
        (_("Refers to it"), "info", False),
    ):
        items = [
            (_sentence(use), str(_line(use.referrer)["url"]))
            for use in found.shown
            if use.blocks == blocks
        ][:LISTED]
        for kind, number, at_work in found.elsewhere:
            count = at_work if blocks else number - at_work
            if count:
                items.append((references.elsewhere_text(kind, count), ""))
        if items:
            groups.append(InventoryGroup(label, tuple(items), severity))
    if found.hidden:
        text = _("%(n)d more of your account that you may not see") % {"n": found.hidden}
        groups.append(InventoryGroup(_("Refers to it"), ((text, ""),), "info"))
    return groups


def _sentence(use: references.Use) -> str:
    label = registry.spec_of(use.referrer).label
    return f"{label} “{use.referrer}” {use.says} {use.path or use.whole}".rstrip()

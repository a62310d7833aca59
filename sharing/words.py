"""What a share gives, in plain words: the same text before it is made, before it is accepted and
afterwards, so that what people read is what is written to the grants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core import registry
from sharing.permission import catalog
from sharing.permission.catalog import SharePermission
from sharing.unit.models import ShareUnit, UnitResource


def type_label(kind: str, *, plural: bool = False) -> str:
    """Name for people of a resource type; the bare label where its room is not installed."""
    try:
        spec = registry.spec_by_type(kind)
    except KeyError:
        return kind
    return str(spec.label_plural if plural else spec.label)


def permission_words(permission: SharePermission) -> dict[str, Any]:
    """One permission as pages and the API show it."""
    return {
        "name": permission.name,
        "version": permission.version,
        "type": permission.resource_type,
        "type_label": type_label(permission.resource_type, plural=True),
        "title": str(permission.title),
        "may": [
            {"action": action, "words": str(words)}
            for action, words in catalog.effective(permission)
        ],
        "never": str(permission.never),
        "default": permission.default,
    }


def contents(unit: ShareUnit) -> list[dict[str, Any]]:
    """Per type: the names in the unit, what one may do with them, and where they will be found.
    Names and types only: nothing of what is inside."""
    names: dict[str, list[UnitResource]] = {}
    for row in unit.resources.filter(state__in=UnitResource.LIVE).order_by("resource_name"):
        names.setdefault(row.resource_type, []).append(row)
    chosen = {row.resource_type: row for row in unit.permissions.all()}
    found = []
    for kind in sorted(names):
        bound = chosen[kind]
        try:
            words = permission_words(catalog.find(kind, bound.permission, bound.permission_version))
        except KeyError:  # a room was taken out of the installation
            words = {"name": bound.permission, "version": bound.permission_version, "may": []}
        found.append(
            {
                "type": kind,
                "type_label": type_label(kind, plural=True),
                "resources": [
                    {"id": str(r.resource_id), "name": r.resource_name} for r in names[kind]
                ],
                "permission": words,
                "lands_url": _list_of(kind),
                "lands": _("The list of %(things)s, tab “Shared %(things)s”, region %(region)s")
                % {"things": type_label(kind, plural=True).lower(), "region": unit.region},
            }
        )
    return found


def _list_of(kind: str) -> str:
    """Address of the shared things of a type; "" where its room is not installed."""
    try:
        spec = registry.spec_by_type(kind)
    except KeyError:
        return ""
    return reverse(f"{spec.slug}:list") + "?scope=shared"


def may_sentence(permission: dict[str, Any]) -> str:
    """``May see it, open it and deploy it. May not change it.``"""
    words: Iterable[str] = [right["words"] for right in permission["may"]]
    text = _("May %(rights)s.") % {"rights": "; ".join(words) or _("do nothing")}
    if permission.get("never"):
        text += " " + _("May never %(never)s.") % {"never": permission["never"]}
    return text

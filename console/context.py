"""What base.html needs on every page: menu, region, account, badges."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console import screens
from core import access, registry, shell
from core.actor import ANONYMOUS, Actor


def shell_menu(actor: Actor, path: str) -> list[dict[str, Any]]:
    """Sections with the entries this actor may open."""
    badges = shell.badges(actor)
    sections = []
    for key, label in settings.NAV_SECTIONS.items():
        entries: list[tuple[int, dict[str, Any]]] = []
        for spec in registry.all_specs():
            if spec.section != key or not access.decide(actor, spec.action("list")).allowed:
                continue
            url = reverse(f"{spec.slug}:list")
            entries.append(
                (
                    spec.order,
                    {
                        "label": spec.label_plural,
                        "url": url,
                        "icon": screens.of(spec).icon,
                        "active": path == url or path.startswith(f"{url}/"),
                        "badge": badges.get(spec.slug, 0),
                    },
                )
            )
        for link in shell.links():
            if link.section != key:
                continue
            if link.action and not access.decide(actor, link.action).allowed:
                continue
            url = reverse(link.url_name)
            entries.append(
                (
                    link.order,
                    {
                        "label": link.label,
                        "url": url,
                        "icon": link.icon,
                        "active": path == url or path.startswith(f"{url}/"),
                        "badge": badges.get(link.badge, 0) if link.badge else 0,
                    },
                )
            )
        if entries:
            entries.sort(key=lambda pair: pair[0])
            sections.append({"key": key, "label": label, "items": [e for _o, e in entries]})
    return sections


def shell_context(request: HttpRequest) -> dict[str, Any]:
    """Context of the frame; anonymous pages get no menu."""
    actor: Actor = getattr(request, "actor", ANONYMOUS)
    signed_in = actor.is_user and not actor.must_change_password
    return {
        "actor": actor,
        "signed_in": actor.is_user,
        "nav": shell_menu(actor, request.path) if signed_in else [],
        "regions": settings.REGIONS,
        "region": actor.region or settings.DEFAULT_REGION,
        "region_label": settings.REGIONS.get(actor.region, actor.region),
        "languages": settings.LANGUAGES,
        "account_menu": [
            {"label": _("My security"), "url": reverse("accounts:security"), "icon": "shield-lock"}
        ]
        if signed_in
        else [],
        "product_version": settings.VERSION,
        "request_id": getattr(request, "request_id", ""),
    }

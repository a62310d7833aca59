"""System checks on routes: what can be reached declares what it asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver

#: routes that are neither a Page nor an API view, each with its reason
FOREIGN = {"i18n/setlang/": "Django's own language switch: a preference, CSRF-protected"}


def routes(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route of the installation with its callback."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def problem(callback: Any) -> str:
    """Why a route may not be served, "" where it may. A page without a matching declaration cannot
    be defined in the first place; a view of the API is looked at here."""
    from console.api.declared import mismatch, reading, unknown_verbs
    from console.pages.base import Page

    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    if view is None:
        return "a bare function declares nothing"
    if issubclass(view, Page):
        return ""
    declared = getattr(view, "declared", None)
    if not declared:
        return f"{view.__name__} declares nothing"
    routed = getattr(callback, "actions", None)
    if routed is None:
        return mismatch(view) or unknown_verbs(view, declared)
    silent = [name for name in routed.values() if name not in declared]
    if silent:
        return f"{view.__name__} handles {silent} and does not declare what that asks"
    return reading(view, routed) or unknown_verbs(view, routed.values())


def doors(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every route declares what it asks (id modelyard.E008)."""
    found: list[CheckMessage] = []
    for path, callback in routes():
        if path not in FOREIGN and (text := problem(callback)):
            hint = "See docs/mechanisms/access.md, “What a view declares”."
            found.append(Error(f"{path}: {text}", hint=hint, id="modelyard.E008"))
    return found


def shown(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every declared type has a screen (id modelyard.E001)."""
    from console import screens

    hint = "Write <app>/<type>/screen.py; see docs/mechanisms/resources.md."
    return [
        Error(f"{kind} has no screen", hint=hint, id="modelyard.E001") for kind in screens.missing()
    ]


def register_all() -> None:
    """Register with Django; called once."""
    register(shown, Tags.urls)
    register(doors, Tags.urls)

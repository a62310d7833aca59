"""URLs of every declared resource, made from its declaration."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from django.urls.resolvers import URLPattern, URLResolver

from console import screens
from console.pages.act import DeletePage, VerbPage
from console.pages.base import ResourcePage
from console.pages.detail import DetailPage
from console.pages.form import CreatePage, EditPage, TagsPage
from console.pages.list import ListPage
from console.pages.live import LivePage
from core import registry

GENERIC: dict[str, type[ResourcePage]] = {
    "list": ListPage,
    "create": CreatePage,
    "detail": DetailPage,
    "edit": EditPage,
    "delete": DeletePage,
    "tags": TagsPage,
    "verb": VerbPage,
    "live": LivePage,
}


def view(spec: registry.Declaration, page: str) -> Any:
    """The page class of ``spec``, its own override first."""
    cls = screens.of(spec).views.get(page) or GENERIC[page]
    return cls.as_view(spec=spec)


def resource_urls(spec: registry.Declaration) -> list[URLPattern]:
    """List, create, detail with tabs, edit, delete, tags, verbs and the live stream; then the
    extra pages a room adds with ``views={"extra:<name>": ...}`` at ``<slug>/<id>/x/<name>``."""
    screen = screens.of(spec)
    urls = [path("", view(spec, "list"), name="list")]
    if screen.form and "create" in spec.actions:
        urls.append(path("/new", view(spec, "create"), name="create"))
    urls += [
        path("/<uuid:pk>", view(spec, "detail"), name="detail"),
        path("/<uuid:pk>/live", view(spec, "live"), name="live"),
        path("/<uuid:pk>/do/<slug:verb>", view(spec, "verb"), name="verb"),
    ]
    if "update" in spec.actions:
        urls.append(path("/<uuid:pk>/tags/save", view(spec, "tags"), name="tags"))
    if (screen.edit_form or screen.form) and "update" in spec.actions:
        urls.append(path("/<uuid:pk>/edit", view(spec, "edit"), name="edit"))
    if "delete" in spec.actions:
        urls.append(path("/<uuid:pk>/delete", view(spec, "delete"), name="delete"))
    for page in screen.views:
        kind, _sep, name = page.partition(":")
        if kind == "extra":
            urls.append(path(f"/<uuid:pk>/x/{name}", view(spec, page), name=name))
        elif kind == "page":
            urls.append(path(f"/{name}", view(spec, page), name=name))
    urls.append(path("/<uuid:pk>/<slug:tab>", view(spec, "detail"), name="tab"))
    return urls


def urlpatterns() -> list[URLResolver]:
    """One namespace per resource, named by its slug."""
    return [
        path(spec.slug, include((resource_urls(spec), spec.slug), namespace=spec.slug))
        for spec in registry.all_specs()
    ]

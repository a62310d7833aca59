"""Routes of /api/v1, made from the declarations; rooms add theirs in <room>/api_urls.py."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.urls import URLPattern, URLResolver, path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularJSONAPIView

from console import screens
from console.api.audit import AuditViewSet
from console.app_list import DOMAIN_APPS
from core import registry


class SchemaView(SpectacularJSONAPIView):
    """OpenAPI of the whole API."""

    declared = {"get": "public: the description of the API holds no data"}


def resource_routes() -> list[URLPattern]:
    """Collection, object and verb routes of every resource with a view set."""
    routes = []
    for spec in registry.all_specs():
        viewset: Any = screens.of(spec).viewset
        if viewset is None:
            continue
        viewset.spec = spec
        collection = {"get": "list"}
        if "create" in spec.actions and viewset.input_class:
            collection["post"] = "create"
        one = {"get": "retrieve"}
        if "update" in spec.actions:
            one["patch"] = "partial_update"
        if "delete" in spec.actions:
            one["delete"] = "destroy"
        key = getattr(viewset, "key_converter", "<uuid:pk>")
        routes += [
            path(spec.slug, viewset.as_view(collection), name=f"{spec.slug}-list"),
            path(f"{spec.slug}/{key}", viewset.as_view(one), name=f"{spec.slug}-detail"),
        ]
        routes += [
            path(
                f"{spec.slug}/{key}/{verb.name}",
                viewset.as_view({"post": "perform"}, verb=verb.name),
                name=f"{spec.slug}-{verb.name}",
            )
            for verb in spec.verbs
        ]
    return routes


def room_routes() -> list[URLPattern | URLResolver]:
    found = []
    for room in DOMAIN_APPS:
        module = apps.get_app_config(room).module
        if module is not None and module_has_submodule(module, "api_urls"):
            found += import_module(f"{room}.api_urls").urlpatterns
    return found


urlpatterns = [
    path("openapi.json", SchemaView.as_view(), name="openapi"),
    path("audit-records", AuditViewSet.as_view({"get": "list"}), name="audit-records"),
    *room_routes(),
    *resource_routes(),
]

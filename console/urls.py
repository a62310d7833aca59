"""URL root: the frame, every declared resource, the API. Rooms add theirs by string."""

from importlib import import_module

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import module_has_submodule

from console import router
from console.app_list import DOMAIN_APPS


def room_urls() -> list[URLPattern | URLResolver]:
    """``<room>/urls.py`` of every room that has pages outside the generic ones."""
    found: list[URLPattern | URLResolver] = []
    for room in DOMAIN_APPS:
        module = apps.get_app_config(room).module
        if module is not None and module_has_submodule(module, "urls"):
            found.append(path("", include(import_module(f"{room}.urls"))))
    return found


urlpatterns = [
    path("", include("console.shell_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("console.api.urls")),
    *room_urls(),
    *router.urlpatterns(),
]

handler400 = "console.pages.errors.bad_request"
handler404 = "console.pages.errors.not_found"
handler500 = "console.pages.errors.server_error"

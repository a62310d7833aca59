"""The frame's own addresses, so that templates can be drawn without any room."""

from django.urls import include, path

urlpatterns = [
    path("", include("console.shell_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]

"""Pages of the room."""

from django.urls import path

from ops import pages

app_name = "ops"

urlpatterns = [path("backups", pages.BackupsPage.as_view(), name="backups")]

"""URLs of the frame's own pages."""

from django.urls import path

from console.pages import shell

app_name = "console"

urlpatterns = [
    path("", shell.DashboardPage.as_view(), name="dashboard"),
    path("search", shell.SearchPage.as_view(), name="search"),
    path("audit", shell.AuditPage.as_view(), name="audit"),
    path("region", shell.RegionPage.as_view(), name="region"),
    path("healthz", shell.HealthPage.as_view(), name="health"),
    path("patterns", shell.PatternsPage.as_view(), name="patterns"),
]

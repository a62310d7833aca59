"""Routes of dataset files below /api/v1."""

from django.urls import path

from datasets.version.api import FilesView, FileView

urlpatterns = [
    path("dataset-versions/<uuid:pk>/files", FilesView.as_view(), name="dataset-version-files"),
    path(
        "dataset-versions/<uuid:pk>/files/<path:path>",
        FileView.as_view(),
        name="dataset-version-file",
    ),
]

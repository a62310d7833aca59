"""API routes of the room beside the generic ones."""

from django.urls import path

from registry.model.api import ModelViewSet

urlpatterns = [
    path("models/<uuid:pk>/files", ModelViewSet.as_view({"get": "files"}), name="model-files"),
    path(
        "models/<uuid:pk>/files/<path:path>",
        ModelViewSet.as_view({"get": "file"}),
        name="model-file",
    ),
]

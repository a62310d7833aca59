"""API routes of the room beside the generic ones."""

from django.urls import path

from serving.service.api import ServiceViewSet

urlpatterns = [
    path(
        "services/<uuid:pk>/instances",
        ServiceViewSet.as_view({"get": "instances"}),
        name="service-instances",
    ),
    path("services/<uuid:pk>/logs", ServiceViewSet.as_view({"get": "logs"}), name="service-logs"),
]

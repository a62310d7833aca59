"""API routes of the room beside the generic ones."""

from django.urls import path

from training.job.api import JobViewSet

urlpatterns = [
    path("training-jobs/<uuid:pk>/logs", JobViewSet.as_view({"get": "logs"}), name="job-logs"),
    path(
        "training-jobs/<uuid:pk>/metrics",
        JobViewSet.as_view({"get": "metrics"}),
        name="job-metrics",
    ),
]

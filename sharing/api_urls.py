"""API routes of the room beside the generic ones."""

from django.urls import path

from sharing.unit.api import ImpactView, PermissionsView

urlpatterns = [
    path("share-units/<uuid:pk>/impact", ImpactView.as_view(), name="share-unit-impact"),
    path("share-permissions", PermissionsView.as_view(), name="share-permissions"),
]

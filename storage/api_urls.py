"""Routes of objects below /api/v1."""

from django.urls import path

from storage.object.api import ObjectBytesView, ObjectsView

urlpatterns = [
    path("buckets/<str:bucket>/objects", ObjectsView.as_view(), name="bucket-objects"),
    path(
        "buckets/<str:bucket>/objects/<path:key>", ObjectBytesView.as_view(), name="bucket-object"
    ),
]

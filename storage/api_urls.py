"""Routes of objects below /api/v1."""

from typing import ClassVar

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from storage.object.api import ObjectBytesView, ObjectsView


class KeyConverter(StringConverter):
    """The rest of the path whatever it holds: line feeds too, so that a wrong key is answered with
    the rule and not with “not found”."""

    regex: ClassVar[str] = "(?s:.+)"  # type: ignore[misc]


register_converter(KeyConverter, "key")  # type: ignore[arg-type]

urlpatterns = [
    path("buckets/<str:bucket>/objects", ObjectsView.as_view(), name="bucket-objects"),
    path("buckets/<str:bucket>/objects/<key:key>", ObjectBytesView.as_view(), name="bucket-object"),
]

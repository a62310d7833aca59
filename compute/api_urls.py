"""API routes of the room."""

from django.urls import path

from compute.api import EnginesView, PoolsView

urlpatterns = [
    path("pools", PoolsView.as_view({"get": "list"}), name="pools"),
    path("engines", EnginesView.as_view({"get": "list"}), name="engines"),
    path("engines/<str:name>/prepare", EnginesView.as_view({"post": "prepare"}), name="engine"),
]

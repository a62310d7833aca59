"""API routes of the room."""

from django.urls import path

from compute.api import EnginesView, PoolsView, SlotsView

urlpatterns = [
    path("pools", PoolsView.as_view({"get": "list"}), name="pools"),
    path("dirty-slots", SlotsView.as_view({"get": "list"}), name="dirty-slots"),
    path("dirty-slots/<uuid:pk>/free", SlotsView.as_view({"post": "free"}), name="free-slot"),
    path("engines", EnginesView.as_view({"get": "list"}), name="engines"),
    path("engines/<str:name>/prepare", EnginesView.as_view({"post": "prepare"}), name="engine"),
]

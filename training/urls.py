"""Pages of the room."""

from django.urls import path

from training.sample import pages

app_name = "training"

urlpatterns = [
    path("samples", pages.SamplesPage.as_view(), name="samples"),
    path("samples/<str:name>/use", pages.UsePage.as_view(), name="use-sample"),
]

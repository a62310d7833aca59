"""Pages of the room."""

from django.urls import path

from compute.pages import views

app_name = "compute"

urlpatterns = [
    path("pools", views.PoolsPage.as_view(), name="pools"),
    path("slots/<uuid:pk>/free", views.FreeSlotPage.as_view(), name="free-slot"),
    path("engines", views.EnginesPage.as_view(), name="engines"),
    path("engines/<str:name>/build", views.BuildPage.as_view(), name="build"),
]

"""Django application of this room."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Services and the gateway."""

    name = "serving"

"""Django application of this room."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Models."""

    name = "registry"

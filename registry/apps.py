"""Django application of this room."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Models."""

    name = "registry"

    def ready(self) -> None:
        from registry.model import home, reconcile  # noqa: F401 registers itself

"""Django application of this room."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Services and the gateway."""

    name = "serving"

    def ready(self) -> None:
        from serving.service import home, reconcile, uses  # noqa: F401 register themselves

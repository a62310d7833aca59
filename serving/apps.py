"""Django application of this room."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Services and the gateway."""

    name = "serving"

    def ready(self) -> None:
        from serving.service import home, owned_attempts, reconcile  # noqa: F401 register themselves

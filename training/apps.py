"""Django application of this room."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Training jobs."""

    name = "training"

    def ready(self) -> None:
        from training.job import home, reconcile, sources, uses  # noqa: F401 registers itself

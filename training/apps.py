"""Django application of this room."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Training jobs."""

    name = "training"

    def ready(self) -> None:
        from training.job import dataset_uses, home, reconcile, sources, uses  # noqa: F401 they register

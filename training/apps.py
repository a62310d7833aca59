"""Django application of this room."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Training jobs."""

    name = "training"

    def ready(self) -> None:
        from training.job import (  # noqa: F401 they register
            home,
            owned_attempts,
            reconcile,
            sources,
            values,
        )

        values.register()

"""Django application of this room."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Training jobs."""

    name = "training"

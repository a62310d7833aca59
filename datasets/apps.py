"""Django application of this room."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Datasets and versions."""

    name = "datasets"

"""Django application of this room."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Buckets and objects."""

    name = "storage"

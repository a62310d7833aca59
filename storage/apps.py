"""Django application of this room."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Buckets and objects."""

    name = "storage"

    def ready(self) -> None:
        from storage.bucket import home  # noqa: F401 registers itself

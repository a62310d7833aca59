"""Django application of this room."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Buckets and objects."""

    name = "storage"

    def ready(self) -> None:
        from core import installation
        from storage.backends import store
        from storage.bucket import guards, home  # noqa: F401 home registers itself

        guards.register()

        installation.register_store(
            "object",
            lambda: store().marker(),
            lambda marker: store().write_marker(marker),
            place=lambda: store().place(),
            holds_data=lambda: next(iter(store().stored(0)), None) is not None,
        )

"""Django application of the kernel."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Loads every room's resource declarations once all models exist."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import checks, deadline, registry

        registry.autodiscover()
        checks.register_all()
        deadline.connect()

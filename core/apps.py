"""Django application of the kernel."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Loads every room's resource declarations once all models exist."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from core import checks, deadline, references, registry, tags

        registry.autodiscover()
        post_delete.connect(references.forget, dispatch_uid="core.references")
        post_delete.connect(tags.forget, dispatch_uid="core.tags")
        checks.register_all()
        deadline.connect()

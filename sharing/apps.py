"""Django application of this room."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SharingConfig(AppConfig):
    """Share units, invitations and grants."""

    name = "sharing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import grants as kernel
        from sharing import grants

        kernel.register(grants.Provider())
        post_migrate.connect(grants.sync_permissions, sender=self)

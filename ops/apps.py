"""Django application of this room."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Backups and restore."""

    name = "ops"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import shell
        from ops import frame

        shell.add_banners(frame.banners)
        shell.add_banners(frame.refused_sweeps)

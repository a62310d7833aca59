"""Django application of this room."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class SharingConfig(AppConfig):
    """Share units, invitations and grants."""

    name = "sharing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import grants as kernel
        from core import services, shell
        from sharing import frame, grants, queries, tidy
        from sharing.invitation import expiry  # noqa: F401 registers its reconciler
        from sharing.permission import system
        from sharing.unit import (
            guards,
            reconcile,  # noqa: F401 registers its reconciler
        )

        system.load()
        guards.register()
        kernel.register(grants.Provider())
        shell.add_banners(frame.banners)
        shell.add_badges(frame.badges)
        services.check_deletes(queries.require_unshared)
        post_migrate.connect(grants.sync_permissions, sender=self)
        post_delete.connect(tidy.forget_object, dispatch_uid="sharing.forget_object")

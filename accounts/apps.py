"""Django application of the accounts room."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts, users, groups, policies, agencies, tokens and sign-in."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import actions
        from accounts.agency import home  # noqa: F401 registers itself
        from accounts.policy import delegation

        actions.register()
        delegation.register()

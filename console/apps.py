"""Django application of the console's shell."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Shell: nothing of its own in the database."""

    name = "console"

    def ready(self) -> None:
        from console import checks

        checks.register_all()

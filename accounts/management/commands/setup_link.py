"""Print the address where the first account is made."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.signin import setup
from core.errors import NotFound


class Command(BaseCommand):
    """``manage.py setup_link``: the address, or an error once an account exists."""

    help = "Print the address of the first set-up. It works once, on this machine only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-needed", action="store_true", help="say nothing once an account exists"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(setup.link())
        except NotFound as error:
            if options["if_needed"]:
                return
            raise CommandError(str(error)) from None

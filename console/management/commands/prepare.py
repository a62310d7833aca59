"""Look at the installation once before its processes start; ./run calls it after `migrate`."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand
from django.db import connections


class Command(BaseCommand):
    """``manage.py prepare``: every system check, those of the database too. Fails on an error, so
    that ./run says what is wrong instead of starting processes that cannot work."""

    help = "Check settings, declarations and database before the processes start."
    requires_system_checks: list[str] = []  # run below, with the database

    def handle(self, *args: Any, **options: Any) -> None:
        del args, options
        self.check(databases=list(connections), fail_level=checks.ERROR)
        self.stdout.write("Everything is declared as it should be.")

"""Look at the installation once before its processes start; ./run calls it after `migrate`."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from core import installation
from core.installation import intentions


class Command(BaseCommand):
    """``manage.py prepare``: every system check, those of the database too, and whether database,
    data folder and stores belong together. Fails where not, so that ./run says what is wrong
    instead of starting processes that cannot work or would harm what is not theirs."""

    help = "Check settings, declarations, database and stores before the processes start."
    requires_system_checks: list[str] = []  # run below, with the database

    def add_arguments(self, parser: CommandParser) -> None:
        answer = parser.add_mutually_exclusive_group()
        answer.add_argument("--this-is-a-copy", action="store_true")
        answer.add_argument("--adopt", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        self.check(databases=list(connections), fail_level=checks.ERROR)
        try:
            if options["this_is_a_copy"]:
                intentions.become_copy()
            elif options["adopt"]:
                intentions.adopt()
        except intentions.NotPossible as problem:
            raise CommandError(str(problem)) from problem
        found = installation.find_mismatch()
        if found is not None:
            raise CommandError(str(found))
        installation.mark(start=True)
        self.stdout.write("Everything is declared as it should be, and belongs together.")

"""``manage.py installation``: what belongs together, and the answers where something does not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import installation
from core.identity.places import shown
from core.installation import intentions
from core.layout import Layout
from ops.supervisor import lock

ANSWERS = {
    "copy": intentions.become_copy,
    "adopt": intentions.adopt,
    "join": intentions.join,
}


class Command(BaseCommand):
    """See docs/mechanisms/installation.md."""

    help = "Show which database, folder and stores belong together, or say what they shall be."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "what",
            choices=("show", "check", *ANSWERS),
            help="show: ids and places; check: fails where they do not belong together; copy: this "
            "is a copy and becomes an installation of its own; adopt: they belong together from "
            "now on; join: this folder is one of a further host",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        what = options["what"]
        if what == "show":
            self._show()
        elif what in ANSWERS:
            self._answer(what)
        found = installation.find_mismatch()
        if found is not None:
            raise CommandError(str(found))
        self.stdout.write("Database, data folder and stores belong together.")

    def _answer(self, what: str) -> None:
        layout = Layout(installation.var())
        layout.make()
        try:
            with lock.Lock(layout.lock):
                if what == "copy":
                    lock.forget_running(layout)
                identity = ANSWERS[what]()
        except (intentions.NotPossible, lock.AlreadyRunning) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"The id of this installation is {identity}.")

    def _show(self) -> None:
        facts = installation.facts()
        rows = [
            ("", "installation", "generation", "place"),
            ("database", facts.identity, str(facts.generation), facts.place),
            *(
                (name, seen.identity or "(no marker)", str(seen.generation), shown(seen.place))
                for name, seen in installation.look().items()
            ),
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            self.stdout.write("  ".join([*cells, row[3]]).rstrip())
        self.stdout.write(f"begun {installation.created_at():%Y-%m-%d %H:%M} UTC")
        if refused := installation.row().refused:
            self.stdout.write(f"the last sweep took nothing: {refused}")

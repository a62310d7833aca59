"""``manage.py trash``: what sweeps took, and back with it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import reconcile
from core.errors import AppError
from storage.blob import sweeping


class Command(BaseCommand):
    """See docs/mechanisms/storage.md, "Trash"."""

    help = "List what sweeps moved to the trash, put it back, or sweep now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("list", "restore", "sweep"))
        parser.add_argument("names", nargs="*", metavar="NAME", help="bytes to restore")
        parser.add_argument("--all", action="store_true", help="restore everything in the trash")
        parser.add_argument(
            "--anyway",
            action="store_true",
            help="sweep although it would take an unusual share; the bytes go to the trash",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            getattr(self, f"_{options['what']}")(options)
        except AppError as problem:
            raise CommandError(problem.message) from problem

    def _list(self, options: dict[str, Any]) -> None:
        del options
        found = sweeping.trashed()
        for one in found:
            self.stdout.write(f"{one.day} {one.size:>14} {one.name}")
        self.stdout.write(f"{len(found)} in the trash, {sum(one.size for one in found)} bytes")

    def _restore(self, options: dict[str, Any]) -> None:
        names = [one.name for one in sweeping.trashed()] if options["all"] else options["names"]
        if not names:
            raise CommandError("Name what to restore, as `trash list` shows it, or give --all.")
        try:
            back = sweeping.put_back(names)
        except ValueError as problem:
            raise CommandError(f"{problem}, as `trash list` shows it.") from problem
        self.stdout.write(f"{back} of {len(names)} put back")

    def _sweep(self, options: dict[str, Any]) -> None:
        with reconcile.lease("storage.sweep") as holder:
            if holder is None:
                raise CommandError("A sweep runs already. Try again when it has ended.")
            done = sweeping.sweep(anyway=options["anyway"])
        if done.refused:
            raise CommandError(
                f"{done.refused}. If that is right, `manage.py trash sweep --anyway` moves it to "
                "the trash."
            )
        self.stdout.write(str(done))

"""``manage.py backup DEST``: a copy of this installation, made while it works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import AppError
from ops.backup.errors import BackupError
from ops.backup.make import Wish, make


class Command(BaseCommand):
    """See docs/operations.md, "Backup". Ends with an error where there is no backup, or where
    objects of this installation are not whole and so are not in it."""

    help = "Copy database, objects and keys of this installation into a folder, while it works."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", metavar="DEST", type=Path, help="a folder of its own")
        parser.add_argument(
            "--full",
            action="store_true",
            help="copy every object anew, also those that an earlier backup in DEST holds",
        )
        parser.add_argument(
            "--logs", action="store_true", help="with the logs of jobs and services"
        )
        parser.add_argument(
            "--encrypt",
            action="append",
            default=[],
            metavar="RECIPIENT",
            help="to this age or SSH public key; may be repeated",
        )
        parser.add_argument(
            "--objects-elsewhere",
            action="store_true",
            help="leave objects in their S3 store, which has versions or copies of its own",
        )
        parser.add_argument(
            "--keep",
            type=int,
            default=0,
            metavar="NUMBER",
            help="remove older backups from DEST until so many are left",
        )
        parser.add_argument("--planned", action="store_true", help="told by the schedule")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep"] < 0:
            raise CommandError("--keep takes a number of at least 0.")
        wish = Wish(
            place=options["place"].expanduser().resolve(),
            full=options["full"],
            logs=options["logs"],
            recipients=tuple(options["encrypt"]),
            elsewhere=options["objects_elsewhere"],
            keep=options["keep"],
            planned=options["planned"],
        )
        try:
            manifest = make(wish, self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except AppError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        except OSError as error:
            raise CommandError(f"The backup failed: {error}. Nothing of it counts.") from error
        self.stdout.write(f"backup {manifest.id} in {wish.place}")
        for fault in manifest.faults[:20]:
            self.stderr.write(f"object {fault['blob']}: {fault['what']}")
        if manifest.faults:
            raise CommandError(
                f"{len(manifest.faults)} objects are missing or damaged in the store of this "
                "installation, and so in the backup. The rest of it is good."
            )

"""``manage.py restore SRC``: an installation from a backup, or a look at one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import AppError
from core.installation.intentions import NotPossible
from ops.backup import check, restore
from ops.backup.errors import BackupError
from ops.backup.place import Place
from ops.backup.seal import Opener


class Command(BaseCommand):
    """See docs/operations.md, "Restore". The data folder is that of MODELYARD_VAR, the database
    that of DATABASE_URL; both have to be empty."""

    help = "Restore a backup into an empty data folder, or check it."
    requires_system_checks = [Tags.models]  # none of them asks the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", metavar="SRC", type=Path, help="the folder of backups")
        parser.add_argument("--backup", default="", metavar="ID", help="not the newest one")
        parser.add_argument("--list", action="store_true", help="name the backups and end")
        parser.add_argument(
            "--check",
            action="store_true",
            help="verify every digest and try the migration on a copy; write nothing here",
        )
        parser.add_argument(
            "--identity", type=Path, metavar="FILE", help="age or SSH key of an encrypted backup"
        )
        parser.add_argument(
            "--same-installation",
            action="store_true",
            help="the original is gone for good, and this takes its place",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["place"].expanduser().resolve()
        try:
            if options["list"]:
                self._list(place)
            elif options["check"]:
                self._check(place, options["backup"], options["identity"])
            else:
                self._restore(place, options)
        except (BackupError, NotPossible) as error:
            raise CommandError(str(error)) from error
        except AppError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        except OSError as error:
            raise CommandError(f"The restore failed: {error}. Run it again.") from error

    def _list(self, root: Path) -> None:
        with Place.reading(root) as place:
            for backup in place.ids():
                _folder, manifest = place.choose(backup)
                kind = "encrypted, " if manifest.recipients else ""
                self.stdout.write(
                    f"{backup}  {kind}{manifest.database}, version {manifest.version}, "
                    f"{manifest.blobs['count']:,} objects with {manifest.blobs['bytes']:,} bytes"
                )

    def _check(self, root: Path, backup: str, identity: Path | None) -> None:
        with Place.reading(root) as place:
            folder, manifest = place.choose(backup)
            check.check(place, folder, manifest, Opener(identity), self.stdout.write)
        self.stdout.write(f"backup {manifest.id} can be restored")

    def _restore(self, root: Path, options: dict[str, Any]) -> None:
        wish = restore.Wish(
            root, options["backup"], options["identity"], same=options["same_installation"]
        )
        manifest = restore.restore(wish, self.stdout.write)
        self.stdout.write(f"restored backup {manifest.id} into {settings.VAR_DIR}")

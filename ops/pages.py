"""The operator's page about backups. It shows; it restores nothing."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.pages.base import Page
from core import shell
from ops.backup import rows
from ops.frame import ACTION
from ops.models import Backup

shell.add_link(
    shell.NavLink("compute", gettext_lazy("Backups"), "ops:backups", "database", ACTION, 30)
)
TONES = {"Running": "blue", "Done": "green", "Faulty": "yellow", "Failed": "red"}


class BackupsPage(Page):
    """The last backups with age, size and result; for the operator's main account."""

    action = ACTION

    def get(self, request: HttpRequest) -> HttpResponse:
        rows.close_killed()
        return self.render(
            "ops/backups.html",
            {
                "title": _("Backups"),
                "summary": rows.summary(),
                "planned": settings.MODELYARD_BACKUP_DIR,
                "every": settings.MODELYARD_BACKUP_EVERY,
                "kept": settings.MODELYARD_BACKUP_KEEP,
                "backups": [
                    {"row": row, "tone": TONES[row.state]}
                    for row in Backup.objects.all()[: rows.SHOWN]
                ],
            },
        )

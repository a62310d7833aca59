"""What this room adds to the console's frame: the operator's lines about late backups and about
sweeps that took nothing."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from core import access, installation
from core.actor import Actor
from core.shell import Banner
from ops.backup import rows
from ops.models import Backup

ACTION = "modelarts:backup:list"


def banners(actor: Actor, slug: str) -> list[Banner]:
    """On the dashboard of the operator's main account, once backups are made or planned."""
    if slug or not actor.is_user or not actor.is_operator:
        return []
    if not access.decide(actor, ACTION).allowed:
        return []
    found = rows.summary()
    if not found.late or not (rows.planned() or Backup.objects.exists()):
        return []
    text = _("The last backup of this installation is older than a day.")
    if found.last is None:
        text = _("There is no backup of this installation yet.")
    return [Banner(text, reverse("ops:backups"), _("Look at backups"), level="warning")]


def refused_sweeps(actor: Actor, slug: str) -> list[Banner]:
    """On the dashboard of the operator's main account: a sweep took nothing, and why."""
    if slug or not actor.is_user or not actor.is_operator:
        return []
    if not access.decide(actor, ACTION).allowed:
        return []
    return [
        Banner(
            _(
                "A sweep took nothing (%(reason)s). Look whether DATABASE_URL and the object store "
                "are the right ones; if they are, run `manage.py trash sweep --anyway`."
            )
            % {"reason": reason},
            level="warning",
        )
        for reason in installation.row().refused.splitlines()
    ]

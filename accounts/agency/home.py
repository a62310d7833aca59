"""What agencies add to the home page: without one no job can read or write a bucket."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.agency.models import Agency
from core import shell
from core.actor import Actor


@shell.add_first_steps
def first_steps(actor: Actor) -> list[shell.FirstStep]:
    if not actor.is_root:
        return []
    done = Agency.objects.own(actor, "list").exists()
    return [
        shell.FirstStep(
            _("Let the platform work for you"),
            _("An agency lets jobs and services read and write your buckets, and nothing more."),
            reverse("agencies:create"),
            _("Create an agency"),
            done,
            20,
        )
    ]

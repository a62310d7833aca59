"""What services add to the home page: a number and a first step."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core import access, shell
from core.actor import Actor
from serving.service.models import Service


@shell.add_tiles
def tiles(actor: Actor) -> list[shell.Tile]:
    """Services that serve, and those that should but do not."""
    if not access.decide(actor, "modelarts:service:list").allowed:
        return []
    rows = Service.objects.own(actor, "list").filter(region=actor.region)
    url = reverse("services:list")
    running = rows.filter(phase="Running").count()
    bad = rows.filter(phase__in=("Failed", "Concerning")).count()
    return [
        shell.Tile(
            _("Services running"),
            running,
            url,
            "rocket",
            "green" if running else "grey",
            order=30,
        ),
        shell.Tile(
            _("Services in trouble"),
            bad,
            url,
            "alert-triangle",
            "red" if bad else "grey",
            order=40,
        ),
    ]


@shell.add_first_steps
def first_steps(actor: Actor) -> list[shell.FirstStep]:
    if not access.decide(
        actor, "modelarts:service:create", context={"modelarts:poolType": "public"}
    ).allowed:
        return []
    done = Service.objects.own(actor, "list").filter(started_at__isnull=False).exists()
    return [
        shell.FirstStep(
            _("Deploy and call it"),
            _("An address that answers requests with your API token."),
            reverse("services:create"),
            _("Deploy a service"),
            done,
            50,
        )
    ]

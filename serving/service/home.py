"""What services add to the home page: a number and a first step."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core import access, shell
from core.actor import Actor
from serving.service import share
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


@shell.add_banners
def banners(actor: Actor, slug: str) -> list[shell.Banner]:
    """Services of the region that stopped because the share of their model ended; until they are
    started again or deleted."""
    if slug not in ("", "services") or not access.decide(actor, "modelarts:service:list").allowed:
        return []
    rows = Service.objects.own(actor, "list").filter(region=actor.region)
    number = rows.filter(phase=Service.Phase.STOPPED, reason=share.ENDED).count()
    if not number:
        return []
    text = ngettext(
        "%(n)d service stopped because its model is no longer shared with this account.",
        "%(n)d services stopped because their models are no longer shared with this account.",
        number,
    ) % {"n": number}
    url = f"{reverse('services:list')}?phase={Service.Phase.STOPPED}"
    return [shell.Banner(text, url, _("Show"), level="warning")]


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

"""Resource pools and engines."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compute import environment
from compute.catalog.flavors import fitting, pools
from compute.engines import manage
from compute.engines.catalogue import ENGINES
from compute.sandbox.report import capabilities
from compute.slot import services as slots
from compute.slot.models import Slot
from console.pages.base import Page
from core import access, registry, shell
from core.errors import NotFound

shell.add_link(
    shell.NavLink(
        "compute",
        gettext_lazy("Resource pools"),
        "compute:pools",
        "server",
        "modelarts:pool:list",
        10,
    )
)
shell.add_link(
    shell.NavLink(
        "compute", gettext_lazy("Engines"), "compute:engines", "cpu", "modelarts:image:list", 20
    )
)


class PoolsPage(Page):
    """How full each pool is, who holds it, and how well programs are isolated."""

    action = "modelarts:pool:list"

    def get(self, request: HttpRequest) -> HttpResponse:
        own = Slot.objects.filter(account_id=self.actor.account_id).order_by("-taken_at")
        return self.render(
            "compute/pools.html",
            {
                "title": _("Resource pools"),
                "pools": [
                    {"use": slots.use(pool.id), "flavors": fitting(pool)}
                    for pool in pools().values()
                ],
                "own": [{"slot": s, "url": self._url(s)} for s in own],
                "sandbox": capabilities(),
            },
        )

    @staticmethod
    def _url(slot: Slot) -> str:
        slug = registry.spec_by_type(slot.resource_type).slug
        return reverse(f"{slug}:detail", kwargs={"pk": slot.resource_id})


class EnginesPage(Page):
    """Declared engines, what is in them, and how far their builds are."""

    action = "modelarts:image:list"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = [
            {"engine": ENGINES[status.name], "status": status} for status in environment.statuses()
        ]
        return self.render(
            "compute/engines.html",
            {
                "title": _("Engines"),
                "engines": found,
                "live": any(e["status"].phase == "building" for e in found),
                "may_build": access.decide(self.actor, BuildPage.action).allowed,
            },
        )


class BuildPage(Page):
    """Start (or retry) the build of an engine."""

    action = "modelarts:image:create"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        if name not in ENGINES:
            raise NotFound()
        status: Any = manage.status(environment.root(), name)
        if status.phase not in ("building", "ready"):
            manage.launch_build(environment.root(), name)
            messages.success(request, _("Engine %(name)s is being built.") % {"name": name})
        return HttpResponseRedirect(reverse("compute:engines"))

"""Resource pools and engines."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compute import environment
from compute.catalog.flavors import MIB, fitting, pools
from compute.engines.catalogue import ENGINES
from compute.sandbox.report import capabilities
from compute.slot import dirty
from compute.slot import services as slots
from compute.slot.models import Slot
from console.pages.base import Page
from core import access, registry, shell
from core.errors import Conflict

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
        may_free = access.decide(self.actor, dirty.ACTION).allowed
        own = Slot.objects.filter(account_id=self.actor.account_id).order_by("-taken_at")
        return self.render(
            "compute/pools.html",
            {
                "title": _("Resource pools"),
                "pools": [
                    {
                        "use": (use := slots.use(pool.id)),
                        "flavors": [(f, use.disk_of(f) * MIB) for f in fitting(pool)],
                        "memory": use.pool.memory_mb * MIB,
                        "memory_used": use.memory_mb * MIB,
                        "disk": use.room.capacity * MIB,
                        "disk_used": use.room.promised * MIB,
                    }
                    for pool in pools().values()
                ],
                "own": [self._own(slot) for slot in own],
                "sandbox": capabilities(),
                "may_free": may_free,
                "held": [_held(row) for row in dirty.held(self.actor)] if may_free else [],
            },
        )

    def _own(self, slot: Slot) -> dict[str, Any]:
        """A slot of this account, with a link where the reader may open what holds it."""
        spec = registry.spec_by_type(slot.resource_type)
        holder = spec.model.objects.own(self.actor, "get").filter(pk=slot.resource_id).first()
        url = reverse(f"{spec.slug}:detail", kwargs={"pk": slot.resource_id}) if holder else ""
        return {"slot": slot, "label": spec.label, "name": holder or slot.resource_id, "url": url}


def _held(row: dirty.Held) -> dict[str, Any]:
    """A slot that is held back, and the button that frees it once its processes are gone."""
    why = _("Its processes still live. End them, or restart the host.") if row.pids else ""
    return {
        "slot": row.slot,
        "pids": row.pids,
        "label": registry.spec_by_type(row.slot.resource_type).label,
        "free": {
            "label": _("Free the slot"),
            "url": reverse("compute:free-slot", args=[row.slot.attempt]),
            "method": "post",
            "enabled": not row.pids,
            "why_not": why,
        },
    }


class FreeSlotPage(Page):
    """POST: give back a slot whose processes are gone."""

    actions: ClassVar = {"post": dirty.ACTION}

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        try:
            dirty.free(self.actor, pk)
        except Conflict as error:
            messages.error(request, error.told())
        else:
            messages.success(request, _("The slot was freed."))
        return HttpResponseRedirect(reverse("compute:pools"))


class EnginesPage(Page):
    """Declared engines, what is in them, and how far their builds are."""

    action = "modelarts:image:list"

    def get(self, request: HttpRequest) -> HttpResponse:
        found: list[dict[str, Any]] = [
            {"engine": ENGINES[status.name], "status": status} for status in environment.statuses()
        ]
        return self.render(
            "compute/engines.html",
            {
                "title": _("Engines"),
                "engines": found,
                "live": any(e["status"].phase == "building" for e in found),
                "may_build": access.decide(self.actor, BuildPage.actions["post"]).allowed,
            },
        )


class BuildPage(Page):
    """Start (or retry) the build of an engine."""

    actions: ClassVar = {"post": environment.BUILD}

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        if environment.prepare(self.actor, name):
            messages.success(request, _("Engine %(name)s is being built.") % {"name": name})
        return HttpResponseRedirect(reverse("compute:engines"))

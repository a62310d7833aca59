"""Pages of the frame: dashboard, search, audit, region switch, health, patterns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import Page, safe_next, status_of
from core import access, event_names, quotas, registry, shell
from core.actor import Actor
from core.models import AuditRecord
from core.rules import may_create

shell.add_link(
    shell.NavLink("iam", _("Audit trail"), "console:audit", "history", "cts:trace:list", 90)
)


class DashboardPage(Page):
    """Where a person lands: what is going on, what waits, what is left."""

    signed_in = "shows only what lists would show"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(
            "dashboard.html",
            {
                "title": _("Overview"),
                "recent": self._recent(),
                "quotas": self._quotas(),
                "tiles": shell.tiles(self.actor),
                "getting_started": shell.first_steps(self.actor),
                "banners": shell.banners(self.actor, ""),
            },
        )

    def _quotas(self) -> list[quotas.Usage]:
        """Limits, for who may read them on their own page."""
        if not access.decide(self.actor, "iam:quotas:listQuotas").allowed:
            return []
        return quotas.all_usage(self.actor.account_id or "")

    def _recent(self) -> list[dict[str, Any]]:
        found = []
        for spec in registry.all_specs():
            if not spec.section or spec.section == "iam":
                continue
            if not access.decide(self.actor, spec.action("list")).allowed:
                continue
            rows = spec.model.objects.own(self.actor, "list")
            if spec.regional:
                rows = rows.filter(region=self.actor.region)
            objects = list(rows.order_by("-created_at", "-id")[:5])
            found.append(
                {
                    "spec": spec,
                    "screen": screens.of(spec),
                    "rows": [{"object": o, "status": status_of(o)} for o in objects],
                    "can_create": bool(screens.of(spec).form) and may_create(self.actor, spec),
                }
            )
        return found


class SearchPage(Page):
    """One box over every list the actor may see."""

    signed_in = "shows only what lists would show"
    PER_TYPE = 8

    def get(self, request: HttpRequest) -> HttpResponse:
        query = request.GET.get("q", "").strip()[:100]
        groups = []
        for spec in registry.all_specs() if query else ():
            from console.filters import SearchFilter

            search = SearchFilter(spec.search)
            rows = [
                row
                for branch in (
                    spec.model.objects.own(self.actor, "list"),
                    *(
                        (spec.model.objects.shared(self.actor, "list"),)
                        if spec.has_shared_rows
                        else ()
                    ),
                )
                for row in search.filter(branch, query).order_by("-created_at")[: self.PER_TYPE]
            ]
            if rows:
                groups.append(
                    {
                        "spec": spec,
                        "screen": screens.of(spec),
                        "rows": [{"object": o, "status": status_of(o)} for o in rows],
                    }
                )
        return self.render("search.html", {"title": _("Search"), "query": query, "groups": groups})


TRAIL_FILTERS = ("q", "result", "user", "type", "platform")


def addresses(actor: Actor, records: Iterable[AuditRecord]) -> dict[str, str]:
    """Object id -> its page, for what the actor may open and is still there: a query per type."""
    wanted: dict[str, set[UUID]] = {}
    for record in records:
        with contextlib.suppress(ValueError):
            wanted.setdefault(record.resource_type, set()).add(UUID(record.resource_id))
    found = {}
    for kind, ids in wanted.items():
        try:
            spec = registry.spec_by_type(kind)
        except KeyError:
            continue
        rows = spec.model.objects.for_action(actor, spec.model.READ_VERB).filter(pk__in=ids)
        for pk in rows.values_list("pk", flat=True):
            found[str(pk)] = reverse(f"{spec.slug}:detail", kwargs={"pk": pk})
    return found


class AuditPage(Page):
    """Who did what in this account, newest first."""

    action = "cts:trace:list"
    PER_PAGE = 50

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = AuditRecord.objects.filter(account_id=self.actor.account_id).order_by("-id")
        chosen = {k: request.GET.get(k, "").strip()[:100] for k in TRAIL_FILTERS}
        vendor = registry.trail_types()
        if chosen["q"]:
            named = Q(resource_name__icontains=chosen["q"])
            rows = rows.filter(named | event_names.containing(chosen["q"]))
        if chosen["type"] in vendor:
            rows = rows.filter(resource_type__in=vendor[chosen["type"]])
        if chosen["platform"] != "1":
            rows = rows.exclude(action=event_names.TRANSITION)
        if chosen["result"] in AuditRecord.Result.values:
            rows = rows.filter(result=chosen["result"])
        if chosen["user"]:
            rows = rows.filter(actor_label__icontains=chosen["user"])
        page = Paginator(rows, self.PER_PAGE).get_page(request.GET.get("page"))
        fragment = request.headers.get("HX-Request") and not request.headers.get("HX-Boosted")
        return self.render(
            "audit/_table.html" if fragment else "audit/list.html",
            {
                "title": _("Audit trail"),
                "page_obj": page,
                "records": page.object_list,
                "chosen": chosen,
                "results": AuditRecord.Result.choices,
                "types": sorted(vendor),
                "addresses": addresses(self.actor, page.object_list),
            },
        )


class RegionPage(Page):
    """Switch the region the console shows."""

    signed_in = "a preference of one's own session"

    def post(self, request: HttpRequest) -> HttpResponse:
        region = request.POST.get("region", "")
        if region in settings.REGIONS:
            request.session["region"] = region
        return HttpResponseRedirect(safe_next(request, "/"))


class HealthPage(Page):
    """For supervisors and load balancers: 200 while the database answers."""

    public = "says nothing but ok"

    def get(self, request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        return JsonResponse({"status": "ok"})


class PatternsPage(Page):
    """Every component of the design system on one page."""

    signed_in = "shows components with example data only"

    def get(self, request: HttpRequest) -> HttpResponse:
        from console.ui import patterns

        return self.render("patterns.html", patterns.example_context())

"""The list page: filters, search, columns, paging; page and fragment from one URL."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from console.filters import filterset_class
from console.pages.base import ResourcePage, off, status_of, why_held_back
from console.screens import Column
from console.ui import html as ui
from core import registry, shell
from core.listing import COUNT_CAP, Branches
from core.rules import creating, may_create

PER_PAGE = 20


def branches(spec: registry.Declaration, actor: Any, which: str, *, region: str = "") -> Branches:
    """Own, shared or all rows that ``actor`` may list, newest first."""
    manager = spec.model.objects
    parts = []
    if which in ("own", "all"):
        parts += manager.own_branches(actor, "list")
    if which in ("shared", "all") and spec.has_shared_rows:
        parts.append(manager.shared(actor, "list"))
    if spec.regional and region:
        parts = [rows.filter(region=region) for rows in parts]
    if spec.prepare is not None:
        parts = [spec.prepare(rows) for rows in parts]
    return Branches(parts, spec.ordering)


class ListPage(ResourcePage):
    """Rows of one type in the current region."""

    verb = "list"

    def get(self, request: HttpRequest) -> HttpResponse:
        spec = self.spec
        which = "shared" if spec.has_shared_rows and request.GET.get("scope") == "shared" else "own"
        rows = self.rows(which)
        filters = filterset_class(spec)
        form = filters(request.GET, queryset=rows.branches[0]).form
        if form.is_valid():
            rows.narrow(lambda qs: filters(request.GET, queryset=qs).qs)
        sort = request.GET.get("sort", "")
        sortable = sort.lstrip("-") in self.screen.sortable
        rows.order(sort if sortable else spec.ordering)
        paginator: Paginator[Any] = Paginator(rows, PER_PAGE)  # type: ignore[arg-type]
        page = paginator.get_page(request.GET.get("page"))
        context = self.context(request, which, form, page, rows.ordering)
        fragment = request.headers.get("HX-Request") and not request.headers.get("HX-Boosted")
        return self.render(
            self.templates("_table") if fragment else self.templates("list"), context
        )

    def rows(self, which: str) -> Branches:
        return branches(self.spec, self.actor, which, region=self.actor.region)

    def context(
        self, request: HttpRequest, which: str, form: Any, page: Any, ordering: str
    ) -> dict[str, Any]:
        spec = self.spec
        can_create = bool(self.screen.form) and may_create(self.actor, spec)
        given = {k: v for k, v in request.GET.items() if k not in ("page",) and v}
        objects = list(page.object_list)
        filtered = bool(set(given) - {"scope", "sort"})
        return {
            "spec": spec,
            "title": spec.label_plural,
            "columns": [self._column(request, c, ordering) for c in self.screen.columns],
            "rows": [self._row(obj) for obj in objects],
            "live": any((s := status_of(o)) and s["live"] for o in objects),
            "tabs_scope": self._scopes(which, None if filtered else page.paginator.count),
            "scope": which,
            "filter_form": form,
            "search": request.GET.get("q", ""),
            "is_filtered": filtered,
            "page": self._page(request, page),
            "can_create": can_create and which == "own",
            "create_url": self.url("create") if can_create else "",
            "create_label": self.create_label(),
            "create_off": self._create_off(which),
            "banners": shell.banners(self.actor, spec.slug),
            **self.extra_context(request),
        }

    def _create_off(self, which: str) -> dict[str, Any] | None:
        """The greyed button to create one, where policies allow it and a guard refuses it."""
        if which != "own" or not self.screen.form or "create" not in self.spec.actions:
            return None
        label = self.create_label()
        return off(label, "plus", why_held_back(creating(self.actor, self.spec)))

    def extra_context(self, request: HttpRequest) -> dict[str, Any]:
        """More context for a room's own list template."""
        return {}

    def _row(self, obj: Any) -> dict[str, Any]:
        cells = []
        for column in self.screen.columns:
            html = ui.value(column.value(obj))
            cells.append(
                {"html": html, "label": column.label, "align": column.align, "name": column.name}
            )
        return {
            "object": obj,
            "id": str(obj.pk),
            "url": self.url("detail", pk=obj.pk),
            "cells": cells,
            "status": status_of(obj),
            "actions": [],
        }

    def _column(self, request: HttpRequest, column: Column, ordering: str) -> dict[str, Any]:
        here = ordering.lstrip("-") == column.sort if column.sort else False
        descending = ordering.startswith("-")
        query = request.GET.copy()
        query.pop("page", None)
        query["sort"] = column.sort if here and descending else f"-{column.sort}"
        return {
            "name": column.name,
            "label": column.label,
            "align": column.align,
            "sortable": bool(column.sort),
            "sort_url": f"?{query.urlencode()}",
            "sorted": ("desc" if descending else "asc") if here else "",
        }

    def _scopes(self, which: str, known: int | None) -> list[dict[str, Any]]:
        """The tabs of own and shared rows; ``known``: the count of ``which``, where it is."""
        if not self.spec.has_shared_rows:
            return []
        labels = {
            "own": _("My %(things)s") % {"things": str(self.spec.label_plural).lower()},
            "shared": _("Shared %(things)s") % {"things": str(self.spec.label_plural).lower()},
        }
        return [
            {
                "label": label,
                "url": f"{self.url('list')}?scope={name}" if name != "own" else self.url("list"),
                "active": which == name,
                "count": self.rows(name).count() if name != which or known is None else known,
            }
            for name, label in labels.items()
        ]

    def _page(self, request: HttpRequest, page: Any) -> dict[str, Any]:
        def url(number: int) -> str:
            query = request.GET.copy()
            query["page"] = str(number)
            return f"?{query.urlencode()}"

        count = page.paginator.count
        return {
            "number": page.number,
            "pages": page.paginator.num_pages,
            "count": min(count, COUNT_CAP),
            "count_capped": count > COUNT_CAP,
            "first": page.start_index(),
            "last": page.end_index(),
            "prev_url": url(page.number - 1) if page.has_previous() else "",
            "next_url": url(page.number + 1) if page.has_next() else "",
        }

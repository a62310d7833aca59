"""Pages of share units: the list without tombstones, and forms that ask before they grant."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from console import once
from console.pages.detail import DetailPage
from console.pages.form import CreatePage, EditPage
from console.pages.list import ListPage
from console.ui import html
from core import registry
from core.errors import AccessDenied, AppError, NotAuthenticated, NotFound
from core.listing import Branches
from sharing import words
from sharing.invitation.models import Invitation
from sharing.unit import guesses, impact, plan, services
from sharing.unit.forms import UnitForm
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource

THROUGH = (AccessDenied, NotAuthenticated, NotFound)  # answered by the error pages
PRINCIPAL_CHIPS = {
    "ASSOCIATING": "yellow",
    "ASSOCIATED": "green",
    "REJECTED": "red",
    "FAILED": "red",
}


class UnitList(ListPage):
    """Tombstones are shown only to who filters for them."""

    def rows(self, which: str) -> Branches:
        found = super().rows(which)
        if self.request.GET.get("phase"):
            return found
        return found.narrow(lambda rows: rows.exclude(phase=ShareUnit.Phase.DELETED))


class UnitDetail(DetailPage):
    """A unit that ended can be read and nothing else."""

    def acts(self, obj: Any) -> list[dict[str, Any]]:
        return super().acts(obj) if obj.phase == ShareUnit.Phase.ACTIVE else []


class CreateUnit(CreatePage):
    """Form, then a confirmation that says what will be granted, then the unit."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form: UnitForm = self.form(data=request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        if "back" in request.POST:
            return self.show(form)
        key = form.cleaned_data.get("once") or ""
        done = once.result(self.actor, self.spec.slug, key)
        if done:
            return HttpResponseRedirect(done)
        data = form.data_for_service()
        try:
            guesses.check(self.actor, data["principals"])
            if request.POST.get("confirmed") != form.seal():
                wanted = plan.read(
                    self.actor,
                    form.region,
                    resources=data["resources"],
                    permissions=data["permissions"],
                    principals=data["principals"],
                )
                return self.confirm(form, wanted)
            unit, url = once.run(
                self.actor,
                self.spec.slug,
                key,
                lambda: services.create(self.actor, data),
                self.created_url,
            )
        except THROUGH:
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(form, status=error.status)
        if unit is not None:
            messages.success(request, _("Share unit “%(name)s” was created.") % {"name": unit})
        return HttpResponseRedirect(url)

    def show(self, form: Any, status: int = 200) -> HttpResponse:
        response = self.render(
            self.templates("form"),
            {
                "spec": self.spec,
                "title": _("Share resources"),
                "form": form,
                "fieldsets": form.fieldsets(),
                "problems": form.problems() if form.is_bound and status != 200 else [],
                "submit_label": _("Review"),
                "cancel_url": self.url("list"),
            },
            status=status,
        )
        return response

    def confirm(self, form: UnitForm, wanted: plan.Plan) -> HttpResponse:
        return self.render(
            "sharing/unit/confirm.html",
            {
                "spec": self.spec,
                "title": _("4. Confirm: share “%(name)s”") % {"name": form.cleaned_data["name"]},
                "lead": _("Nothing has been changed yet. Check what will be granted."),
                "kept": kept(self.request),
                "confirmed": form.seal(),
                "gives": gives(wanted, form.region),
                "principals": wanted.principals,
                "valid_until": form.cleaned_data["valid_until"],
                "inventory": [],
                "submit_label": _("Share"),
            },
        )


class EditUnit(EditPage):
    """Edit; asks first where accounts or resources come or go."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        unit = self.obj
        form: UnitForm = self.form(unit, data=request.POST)
        if not form.is_valid():
            return self.show(unit, form, status=400)
        if "back" in request.POST:
            return self.show(unit, form)
        data = form.data_for_service()
        moves = any(v for k, v in data.items() if k.startswith(("add_", "remove_")))
        try:
            guesses.check(self.actor, data["add_principals"])
            if moves and request.POST.get("confirmed") != form.seal():
                return self.confirm(unit, form, data)
            services.update(
                self.actor, unit, data, expected_version=form.cleaned_data.get("version")
            )
        except THROUGH:
            raise
        except AppError as error:
            form.add_app_error(error)
            return self.show(unit, form, status=error.status)
        messages.success(request, _("“%(name)s” was saved.") % {"name": data["name"]})
        return HttpResponseRedirect(self.url("detail", pk=unit.pk))

    def confirm(self, unit: ShareUnit, form: UnitForm, data: dict[str, Any]) -> HttpResponse:
        wanted = plan.read(
            self.actor,
            unit.region,
            resources=data["add_resources"],
            permissions=data["permissions"],
            principals=data["add_principals"],
            unit=unit,
        )
        losses = []
        if data["remove_resources"]:
            ids = [item["id"] for item in data["remove_resources"]]
            losses += impact.losses(unit, resource_ids=ids)
        if data["remove_principals"]:
            losses += impact.losses(unit, account_ids=data["remove_principals"])
        gone = set(data["remove_principals"])
        losses = [one for one in losses if not one.waiting or one.account_id in gone]
        return self.render(
            "sharing/unit/confirm.html",
            {
                "spec": self.spec,
                "object": unit,
                "title": _("Confirm: change “%(name)s”") % {"name": unit},
                "lead": _("Nothing has been changed yet. Check what will be granted."),
                "kept": kept(self.request),
                "confirmed": form.seal(),
                "gives": gives(wanted, unit.region),
                "principals": wanted.principals,
                "already": words.contents(unit) if wanted.principals else [],
                "consumers": list(
                    unit.principals.filter(state=UnitPrincipal.State.ASSOCIATED)
                    .exclude(account_id__in=gone)
                    .values_list("account_id", flat=True)
                ),
                "valid_until": form.cleaned_data["valid_until"],
                "inventory": impact.groups_of(losses),
                "submit_label": _("Save"),
            },
        )


def kept(request: HttpRequest) -> list[tuple[str, str]]:
    """Everything that was posted, to be posted again by the confirmation."""
    skip = {"csrfmiddlewaretoken", "confirmed", "back"}
    return [(k, v) for k, values in request.POST.lists() if k not in skip for v in values]


def gives(wanted: plan.Plan, region: str) -> list[dict[str, Any]]:
    """Per type: names, and what may be done with them in words."""
    found = []
    for kind, permission in wanted.permissions.items():
        shown = words.permission_words(permission)
        things = [o for o in wanted.resources if registry.spec_of(o).type_label == kind]
        found.append(
            {
                "type_label": shown["type_label"],
                "resources": [str(obj) for obj in things],
                "permission": shown,
                "sentence": words.may_sentence(shown),
                "region": region,
            }
        )
    return found


def resource_rows(unit: ShareUnit) -> list[dict[str, Any]]:
    """The Resources tab: live rows first, history after."""
    rows = []
    for row in unit.resources.order_by("resource_type", "resource_name"):
        try:
            slug = registry.spec_by_type(row.resource_type).slug
        except KeyError:
            slug = ""
        live = row.state in UnitResource.LIVE
        rows.append(
            {
                "row": row,
                "live": live,
                "url": reverse(f"{slug}:detail", args=[row.resource_id]) if slug and live else "",
                "type_label": words.type_label(row.resource_type),
                "chip": html.chip(str(row.get_state_display()), "green" if live else "grey"),
            }
        )
    return sorted(rows, key=lambda one: not one["live"])


def principal_rows(unit: ShareUnit) -> list[dict[str, Any]]:
    """The Principals tab. The account's name is shown once it has accepted: before, an id typed
    at random must tell nothing."""
    rows = []
    people = unit.principals.select_related("account").order_by("created_at")
    asked = {
        row.pk: row
        for row in Invitation.objects.unscoped("the owner reads answers to their own unit").filter(
            unit=unit
        )
    }
    for person in people:
        invitation = asked.get(person.invitation_id)
        state, label = person.state, str(person.get_state_display())
        if (
            invitation is not None
            and state != UnitPrincipal.State.ASSOCIATED
            and invitation.phase in (Invitation.Phase.REJECTED, Invitation.Phase.EXPIRED)
        ):
            state, label = invitation.phase, str(Invitation.Phase(invitation.phase).label)
        accepted = invitation is not None and invitation.phase == Invitation.Phase.ACCEPTED
        rows.append(
            {
                "row": person,
                "name": person.account.name if accepted else "",
                "invitation": invitation,
                "chip": html.chip(label, PRINCIPAL_CHIPS.get(state, "grey")),
            }
        )
    return rows

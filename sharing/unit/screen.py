"""What pages show of share units."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import status_of
from console.screens import Column, Item, Panel, Screen, Tab
from console.ui.html import status_chip
from core.actor import Actor
from sharing.unit import impact
from sharing.unit.api import ShareUnitViewSet
from sharing.unit.forms import UnitForm
from sharing.unit.models import ShareUnit, UnitPrincipal, UnitResource
from sharing.unit.pages import CreateUnit, EditUnit, UnitDetail, UnitList

SHOWN = 10  # names on the Overview; the tabs have all


def panels(unit: ShareUnit, actor: Actor) -> list[Panel]:
    """What is shared, and with whom, by name."""
    from sharing.unit.pages import principal_rows

    live = unit.resources.filter(state__in=UnitResource.LIVE).order_by("resource_name")
    names = list(live.values_list("resource_name", flat=True))
    more = f" … ({len(names)})" if len(names) > SHOWN else ""
    people = principal_rows(unit)
    states = [one["row"].state for one in people]
    items = (
        Item(_("Resources"), ", ".join(names[:SHOWN]) + more),
        Item(_("Accepted"), states.count(UnitPrincipal.State.ASSOCIATED)),
        Item(_("Not answered"), states.count(UnitPrincipal.State.ASSOCIATING)),
        Item(_("Ends"), unit.valid_until or _("when you delete it")),
    )
    accounts = tuple(
        Item(f"{one['name']} {one['row'].account_id}".strip(), one["chip"])
        for one in people[:SHOWN]
    )
    return [
        Panel(_("Share"), items, icon="share"),
        *([Panel(_("With whom"), accounts, icon="users")] if accounts else []),
    ]


def _resources(request: Any, unit: ShareUnit) -> dict[str, Any]:
    from sharing.unit.pages import resource_rows

    return {"share_resources": resource_rows(unit)}


def _principals(request: Any, unit: ShareUnit) -> dict[str, Any]:
    from sharing.unit.pages import principal_rows

    return {"share_principals": principal_rows(unit)}


def _permissions(request: Any, unit: ShareUnit) -> dict[str, Any]:
    from sharing.words import contents

    return {"share_contents": contents(unit)}


screens.register(
    Screen(
        model=ShareUnit,
        icon="share",
        description=_("Resources of this account that other accounts may use."),
        empty_title=_("Nothing is shared"),
        empty_text=_(
            "A share unit says what is shared, what may be done with it, and with which accounts. "
            "They use it after they have accepted."
        ),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("phase", _("Status"), lambda unit: status_chip(status_of(unit)), sort="phase"),
            Column("region", _("Region")),
            Column("valid_until", _("Valid until"), lambda unit: unit.valid_until or "–"),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        tabs=(
            Tab(
                "resources",
                _("Resources"),
                "sharing/unit/resources.html",
                _resources,
                count=lambda unit: unit.resources.filter(state__in=UnitResource.LIVE).count(),
            ),
            Tab(
                "principals",
                _("Principals"),
                "sharing/unit/principals.html",
                _principals,
                count=lambda unit: unit.principals.filter(state__in=UnitPrincipal.LIVE).count(),
            ),
            Tab("permission", _("Permission"), "sharing/unit/permission.html", _permissions),
        ),
        panels=panels,
        form=UnitForm,
        edit_form=UnitForm,
        viewset=ShareUnitViewSet,
        inventory=impact.inventory,
        views={
            "list": UnitList,
            "create": CreateUnit,
            "edit": EditUnit,
            "detail": UnitDetail,
        },
    )
)

"""What pages show of agencies."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.agency.api import AgencyViewSet
from accounts.agency.forms import AgencyEditForm, AgencyForm
from accounts.agency.models import Agency
from accounts.policy import impact
from accounts.policy.pages import AttachPage, DetachPage, policies_tab
from console import screens
from console.screens import Button, Column, Item, Panel, Screen
from core.actor import Actor

STATES = {"active": _("active"), "expired": _("expired"), "revoked": _("revoked")}


def _state(agency: Agency) -> Any:
    return STATES[agency.state]


def _grantee(agency: Agency) -> Any:
    return agency.grantee.name if agency.grantee else _("all users")


def _end(agency: Agency) -> Any:
    return agency.revoked_at or agency.expires_at or pgettext_lazy("agency", "never")


def panels(agency: Agency, _actor: Actor) -> list[Panel]:
    """For whom, until when."""
    return [
        Panel(
            _("Delegation"),
            (
                Item(_("State"), _state(agency)),
                Item(_("Trusted party"), agency.get_trust_display()),
                Item(_("User"), _grantee(agency)),
                Item(pgettext_lazy("agency", "Duration"), agency.get_duration_display()),
                Item(_("Ends"), _end(agency)),
            ),
            icon="user-share",
        )
    ]


screens.register(
    Screen(
        model=Agency,
        description=_(
            "Rights delegated to the platform for background work. Such work may do only what both "
            "the agency and its user may do."
        ),
        icon="user-share",
        empty_title=_("No agency yet"),
        empty_text=_("Training jobs and services need one to read and write your buckets."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("state", _("State"), _state),
            Column("grantee", _("User"), _grantee),
            Column("expires_at", _("Ends"), _end, sort="expires_at"),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        buttons={
            "revoke": Button(
                icon="ban",
                tone="danger",
                confirm=_("Background work that uses this agency loses its authorisation at once."),
                inventory=impact.of_agency,
            ),
        },
        tabs=(policies_tab(),),
        panels=panels,
        form=AgencyForm,
        edit_form=AgencyEditForm,
        viewset=AgencyViewSet,
        inventory=impact.of_agency,
        views={
            "extra:attach": AttachPage,
            "extra:detach": DetachPage,
        },
    )
)

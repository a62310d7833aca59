"""What pages and API are built from: agencies."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.agency.models import Agency
from accounts.policy.pages import policies_tab
from core.actor import Actor
from core.registry import Column, Item, Panel, ResourceSpec, Verb, register

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


SPEC = register(
    ResourceSpec(
        model=Agency,
        slug="agencies",
        iam="iam:agencies",
        label=_("Agency"),
        label_plural=_("Agencies"),
        description=_(
            "Rights delegated to the platform for background work. Such work may do only what both "
            "the agency and its user may do."
        ),
        actions={
            "list": "listAgencies",
            "get": "getAgency",
            "create": "createAgency",
            "update": "updateAgency",
            "delete": "deleteAgency",
        },
        icon="user-share",
        section="iam",
        order=40,
        empty_title=_("No agency yet"),
        empty_text=_("Training jobs and services need one to read and write your buckets."),
        columns=(
            Column("name", _("Name"), sort="name"),
            Column("state", _("State"), _state),
            Column("grantee", _("User"), _grantee),
            Column("expires_at", _("Ends"), _end, sort="expires_at"),
            Column("created_at", _("Created"), sort="created_at"),
        ),
        search=("name", "description"),
        verbs=(
            Verb(
                "revoke",
                "iam:agencies:updateAgency",
                _("Revoke"),
                "accounts.agency.services.revoke",
                icon="ban",
                tone="danger",
                confirm=_("Background work that uses this agency loses its authorisation at once."),
                event="revokeAgency",
                inventory="accounts.policy.impact.of_agency",
            ),
        ),
        tabs=(policies_tab(),),
        panels=panels,
        form="accounts.agency.forms.AgencyForm",
        edit_form="accounts.agency.forms.AgencyEditForm",
        viewset="accounts.agency.api.AgencyViewSet",
        services="accounts.agency.services",
        changes_rights=True,
        inventory="accounts.policy.impact.of_agency",
        trail_type="IAM",
        events={"create": "createAgency", "update": "updateAgency", "delete": "deleteAgency"},
        quota=("agencies", 50),
        regional=False,
        views={
            "extra:attach": "accounts.policy.pages.AttachPage",
            "extra:detach": "accounts.policy.pages.DetachPage",
        },
    )
)

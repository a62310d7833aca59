"""What pages show of share invitations, as the invited account sees them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console import screens
from console.pages.base import status_of
from console.screens import Button, Column, Item, Panel, Screen
from console.ui.format import exact_time
from console.ui.html import status_chip
from core.actor import Actor
from sharing.invitation import inventory
from sharing.invitation.api import InvitationViewSet
from sharing.invitation.forms import RejectForm
from sharing.invitation.models import Invitation
from sharing.invitation.pages import AnswerPage, SharedWithMe
from sharing.unit import impact


def panels(invitation: Invitation, actor: Actor) -> list[Panel]:
    """What the invitation gives, readable before it is accepted."""
    from sharing.invitation.pages import reading

    owner = invitation.owner_account
    facts = (
        Item(_("From account"), f"{owner} ({owner.pk})", copy=owner.pk),
        Item(_("Share unit"), invitation.name),
        Item(_("Answer until"), exact_time(invitation.expires_at))
        if invitation.waits
        else Item(_("Answered"), invitation.answered_at or _("never")),
        Item(_("Quota"), _("Shared objects do not count against your account's limits.")),
    )
    found = [Panel(_("Invitation"), facts, icon="mail")]
    found += [
        Panel(part["title"], template="sharing/invitation/contents.html", context=part, span=12)
        for part in reading(invitation)
    ]
    return found


screens.register(
    Screen(
        model=Invitation,
        icon="inbox",
        description=_("Invitations of other accounts to use what they own."),
        empty_title=_("No invitations"),
        empty_text=_("Give your account id to the account that wants to share something with you."),
        columns=(
            Column("name", _("Share unit"), sort="name"),
            Column("phase", _("Status"), lambda row: status_chip(status_of(row)), sort="phase"),
            Column("owner_account_id", _("From account")),
            Column("region", _("Region")),
            Column(
                "expires_at",
                _("Answer until"),
                lambda row: row.expires_at if row.waits else None,
                sort="expires_at",
            ),
            Column("created_at", _("Received"), sort="created_at"),
        ),
        buttons={
            "accept": Button(
                icon="check",
                tone="primary",
            ),
            "reject": Button(
                icon="x",
                form=RejectForm,
                confirm=_("The owner is told, with your reason, and may invite you again."),
            ),
            "block": Button(
                icon="ban",
                tone="danger",
                confirm=_(
                    "Open invitations of this account are rejected and new ones do not arrive. It "
                    "is not told. Shares you have accepted stay until you leave them."
                ),
                inventory=inventory.blocked,
            ),
            "leave": Button(
                icon="logout",
                tone="danger",
                confirm=_("What was made with the shared resources stays in your account."),
                inventory=impact.leave_inventory,
            ),
        },
        panels=panels,
        viewset=InvitationViewSet,
        views={
            "list": SharedWithMe,
            "verb": AnswerPage,
        },
    )
)

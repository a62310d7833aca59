"""Declaration of share invitations, as the invited account sees them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console.pages.base import status_of
from console.ui.format import exact_time
from console.ui.html import status_chip
from core import registry
from core.actor import Actor
from core.registry import Column, Item, Panel, ResourceSpec, Verb
from sharing.invitation.models import Invitation

Phase = Invitation.Phase


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


SPEC = registry.register(
    ResourceSpec(
        model=Invitation,
        slug="share-invitations",
        iam="resource_share:invitation",
        label=_("Share invitation"),
        label_plural=_("Shared with me"),
        icon="inbox",
        section="sharing",
        order=20,
        regional=False,  # an answer is waited for wherever the console happens to stand
        description=_("Invitations of other accounts to use what they own."),
        empty_title=_("No invitations"),
        empty_text=_("Give your account id to the account that wants to share something with you."),
        actions={"list": "list", "get": "get"},
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
        filters=("phase",),
        verbs=(
            Verb(
                "accept",
                "resource_share:invitation:accept",
                _("Accept"),
                "sharing.invitation.services.handle_accept",
                icon="check",
                tone="primary",
                phases=frozenset({Phase.PENDING}),
                when=lambda invitation: invitation.waits,
                event="acceptResourceShareInvitation",
            ),
            Verb(
                "reject",
                "resource_share:invitation:reject",
                _("Reject"),
                "sharing.invitation.services.handle_reject",
                icon="x",
                phases=frozenset({Phase.PENDING}),
                when=lambda invitation: invitation.waits,
                form="sharing.invitation.forms.RejectForm",
                confirm=_("The owner is told, with your reason, and may invite you again."),
                event="rejectResourceShareInvitation",
            ),
            Verb(
                "block",
                "resource_share:blockedAccount:create",
                _("Block this account"),
                "sharing.invitation.services.handle_block",
                icon="ban",
                tone="danger",
                confirm=_(
                    "Open invitations of this account are rejected and new ones do not arrive. It "
                    "is not told. Shares you have accepted stay until you leave them."
                ),
                inventory="sharing.invitation.inventory.blocked",
                recorded=False,  # the row is the one of the block
            ),
            Verb(
                "leave",
                "resource_share:resource:leave",
                _("Leave"),
                "sharing.invitation.services.handle_leave",
                icon="logout",
                tone="danger",
                confirm=_("What was made with the shared resources stays in your account."),
                inventory="sharing.unit.impact.leave_inventory",
                when=lambda invitation: invitation.is_in_force,
                event="leaveResourceShare",
            ),
        ),
        panels=panels,
        viewset="sharing.invitation.api.InvitationViewSet",
        services="sharing.invitation.services",
        changes_rights=True,
        views={
            "list": "sharing.invitation.pages.SharedWithMe",
            "verb": "sharing.invitation.pages.AnswerPage",
        },
    )
)

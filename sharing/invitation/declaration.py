"""What the kernel knows of share invitations, as the invited account sees them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Verb, register
from sharing.invitation import services
from sharing.invitation.models import Invitation

Phase = Invitation.Phase


SPEC = register(
    Declaration(
        model=Invitation,
        slug="share-invitations",
        iam="resource_share:invitation",
        label=_("Share invitation"),
        label_plural=_("Shared with me"),
        section="sharing",
        order=20,
        actions={"list": "list", "get": "get"},
        services=services,
        filters=("phase",),
        verbs=(
            Verb(
                "accept",
                "resource_share:invitation:accept",
                _("Accept"),
                services.handle_accept,
                phases=frozenset({Phase.PENDING}),
                when=lambda invitation: invitation.waits,
                event="acceptResourceShareInvitation",
            ),
            Verb(
                "reject",
                "resource_share:invitation:reject",
                _("Reject"),
                services.handle_reject,
                phases=frozenset({Phase.PENDING}),
                when=lambda invitation: invitation.waits,
                event="rejectResourceShareInvitation",
            ),
            Verb(
                "block",
                "resource_share:blockedAccount:create",
                _("Block this account"),
                services.handle_block,
                recorded=False,  # the row is the one of the block
            ),
            Verb(
                "leave",
                "resource_share:resource:leave",
                _("Leave"),
                services.handle_leave,
                when=lambda invitation: invitation.is_in_force,
                event="leaveResourceShare",
            ),
        ),
        regional=False,  # an answer is waited for wherever the console happens to stand
        changes_rights=True,
    )
)

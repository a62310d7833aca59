"""Declaration of blocked accounts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core import registry
from core.registry import Column, DeleteWords, ResourceSpec
from sharing.block.models import BlockedAccount

SPEC = registry.register(
    ResourceSpec(
        model=BlockedAccount,
        slug="blocked-accounts",
        iam="resource_share:blockedAccount",
        label=_("Blocked account"),
        label_plural=_("Blocked accounts"),
        icon="ban",
        create_label=_("Block an account"),
        section="sharing",
        order=30,
        regional=False,
        description=_("Accounts that may not invite yours. They are not told."),
        empty_title=_("No blocked accounts"),
        empty_text=_(
            "Block an account that sends unwanted invitations: open ones are rejected, new "
            "ones do not arrive. Shares you have accepted stay until you leave them."
        ),
        actions={
            "list": "list",
            "get": "get",
            "create": "create",
            "update": "update",
            "delete": "delete",
        },
        columns=(
            Column("name", _("Account id"), sort="name"),
            Column("description", _("Note")),
            Column("created_at", _("Blocked"), sort="created_at"),
        ),
        search=("name", "description"),
        form="sharing.block.forms.BlockForm",
        viewset="sharing.block.api.BlockViewSet",
        services="sharing.block.services",
        changes_rights=True,
        delete_words=DeleteWords(
            _("Unblock"),
            _("The account may invite yours again. Invitations that were rejected stay rejected."),
            _("Account %(name)s was unblocked."),
            "circle-check",
        ),
        quota=("blocked_accounts", 200),
        events={
            "create": "blockAccount",
            "update": "updateBlockedAccount",
            "delete": "unblockAccount",
        },
    )
)

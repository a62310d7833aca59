"""What pages show of blocked accounts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console import screens
from console.screens import Column, DeleteWords, Screen
from sharing.block.api import BlockViewSet
from sharing.block.forms import BlockForm
from sharing.block.models import BlockedAccount

screens.register(
    Screen(
        model=BlockedAccount,
        icon="ban",
        create_label=_("Block an account"),
        description=_("Accounts that may not invite yours. They are not told."),
        empty_title=_("No blocked accounts"),
        empty_text=_(
            "Block an account that sends unwanted invitations: open ones are rejected, new "
            "ones do not arrive. Shares you have accepted stay until you leave them."
        ),
        columns=(
            Column("name", _("Account id"), sort="name"),
            Column("description", _("Note")),
            Column("created_at", _("Blocked"), sort="created_at"),
        ),
        form=BlockForm,
        viewset=BlockViewSet,
        delete_words=DeleteWords(
            _("Unblock"),
            _("The account may invite yours again. Invitations that were rejected stay rejected."),
            _("Account %(name)s was unblocked."),
            "circle-check",
        ),
    )
)

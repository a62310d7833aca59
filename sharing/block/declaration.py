"""What the kernel knows of blocked accounts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, register
from sharing.block import services
from sharing.block.models import BlockedAccount

SPEC = register(
    Declaration(
        model=BlockedAccount,
        slug="blocked-accounts",
        iam="resource_share:blockedAccount",
        label=_("Blocked account"),
        label_plural=_("Blocked accounts"),
        section="sharing",
        order=30,
        services=services,
        search=("name", "description"),
        events={
            "create": "blockAccount",
            "delete": "unblockAccount",
        },
        quota=("blocked_accounts", 200),
        regional=False,
        changes_rights=True,
    )
)

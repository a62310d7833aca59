"""What the kernel knows of groups."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.group import services
from accounts.group.models import Group
from core.registry import Declaration, register

SPEC = register(
    Declaration(
        model=Group,
        slug="groups",
        iam="iam:groups",
        label=_("Group"),
        label_plural=_("Groups"),
        section="iam",
        order=20,
        actions={
            "list": "listGroups",
            "get": "getGroup",
            "create": "createGroup",
            "update": "updateGroup",
            "delete": "deleteGroup",
        },
        services=services,
        search=("name", "description"),
        quota=("groups", 50),
        regional=False,
        changes_rights=True,
    )
)

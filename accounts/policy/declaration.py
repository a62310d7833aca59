"""What the kernel knows of policies."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.policy import services
from accounts.policy.models import Policy
from core.registry import Declaration, register

SPEC = register(
    Declaration(
        model=Policy,
        slug="policies",
        iam="iam:policies",
        label=_("Policy"),
        label_plural=_("Policies"),
        section="iam",
        order=30,
        actions={
            "list": "listPolicies",
            "get": "getPolicy",
            "create": "createPolicy",
            "update": "updatePolicy",
            "delete": "deletePolicy",
        },
        services=services,
        search=("name", "description"),
        quota=("policies", 200),
        regional=False,
        changes_rights=True,
    )
)

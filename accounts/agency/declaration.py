"""What the kernel knows of agencies."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.agency import services
from accounts.agency.models import Agency
from core.registry import Declaration, Verb, register

SPEC = register(
    Declaration(
        model=Agency,
        slug="agencies",
        iam="iam:agencies",
        label=_("Agency"),
        label_plural=_("Agencies"),
        section="iam",
        order=40,
        actions={
            "list": "listAgencies",
            "get": "getAgency",
            "create": "createAgency",
            "update": "updateAgency",
            "delete": "deleteAgency",
        },
        services=services,
        search=("name", "description"),
        verbs=(
            Verb(
                "revoke",
                "iam:agencies:updateAgency",
                _("Revoke"),
                services.revoke,
                event="revokeAgency",
            ),
        ),
        trail_type="IAM",
        quota=("agencies", 50),
        regional=False,
        changes_rights=True,
    )
)

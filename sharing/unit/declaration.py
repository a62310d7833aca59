"""What the kernel knows of share units."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, register
from sharing.unit import services
from sharing.unit.models import ShareUnit

SPEC = register(
    Declaration(
        model=ShareUnit,
        slug="share-units",
        iam="resource_share:unit",
        label=_("Share unit"),
        label_plural=_("Shared by me"),
        quota_label=_("Share units"),
        section="sharing",
        order=10,
        services=services,
        filters=("phase",),
        search=("name", "description"),
        events={
            "create": "createResourceShare",
            "update": "updateResourceShare",
            "delete": "deleteResourceShare",
        },
        quota=("share_units", 100),
        changes_rights=True,
    )
)

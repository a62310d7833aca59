"""Share unit: what is shared, with which permission, with whom; and its three kinds of rows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core import codes
from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful

#: letters, digits, Chinese characters, ".", "_", "-"; at most 50 (vendor, resource sharing)
NAME_RULE = re.compile(r"[0-9A-Za-z\u4e00-\u9fff._-]{1,50}")


def validate_unit_name(value: str) -> None:
    """Raise ValidationError unless ``value`` is a legal name of a share unit."""
    if not NAME_RULE.fullmatch(value):
        raise ValidationError(
            _("Use 1 to 50 letters, digits, Chinese characters, “.”, “_” or “-”."),
            code="NAME_RULE",
        )


class ShareUnit(Stateful, Resource):
    """Resources of one region that the owner gives to other accounts.

    Deleting never deletes what is shared. The row stays as a tombstone, so that both sides can
    still read what was given to whom.
    """

    class Phase(models.TextChoices):
        ACTIVE = "ACTIVE", _("Active")  # grants hold; principals and resources may change
        DELETING = "DELETING", _("Deleting")  # grants hold no more; rows are being cleared
        DELETED = "DELETED", _("Deleted")  # tombstone, kept as long as the trail

    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]] = {
        Phase.ACTIVE: frozenset({Phase.DELETING}),
        Phase.DELETING: frozenset({Phase.DELETED}),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset({Phase.DELETED})
    SETTLED: ClassVar[frozenset[str]] = frozenset({Phase.ACTIVE})
    DEADLINES: ClassVar[Mapping[str, int]] = {Phase.DELETING: 300}
    HEARTBEATS: ClassVar[Mapping[str, int]] = {}
    TONES: ClassVar[Mapping[str, str]] = {
        Phase.ACTIVE: "green",
        Phase.DELETING: "yellow",
        Phase.DELETED: "grey",
    }
    PARKED: ClassVar[str] = Phase.DELETING

    name = models.CharField(_("name"), max_length=50, validators=[validate_unit_name])
    #: None = until it is deleted; looked at when a grant is used
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("share unit")
        verbose_name_plural = _("share units")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "region", "name"],
                condition=~models.Q(phase="DELETED"),
                name="share_unit_name",
                violation_error_message=_(
                    "You have a share unit of this name in this region. Choose another name."
                ),
            )
        ]
        indexes = [listing_index("shareunit")]

    def clean(self) -> None:
        if self._state.adding and self.is_over:
            raise ValidationError(
                {"valid_until": ValidationError(_("The end must be in the future."), code="PAST")}
            )

    @property
    def is_over(self) -> bool:
        """Whether its window has closed."""
        return self.valid_until is not None and self.valid_until <= timezone.now()


class Association(models.Model):
    """A row that ties something to a unit. One row per thing and unit, updated in place: with a
    row per attempt, "remove" would not say which (see docs/mechanisms/sharing.md)."""

    class State(models.TextChoices):
        # A principal that has not answered.
        ASSOCIATING = "ASSOCIATING", pgettext_lazy("invitation", "Waiting")
        ASSOCIATED = "ASSOCIATED", _("Associated")  # its grants exist
        DISASSOCIATING = "DISASSOCIATING", _("Removing")  # its grants are going
        DISASSOCIATED = "DISASSOCIATED", _("Removed")  # history only
        FAILED = "FAILED", _("Failed")  # ``status_message`` says why

    #: states in which the row counts as part of the unit
    LIVE: ClassVar[frozenset[str]] = frozenset({State.ASSOCIATING, State.ASSOCIATED})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=16, choices=State.choices)
    status_message = models.CharField(max_length=500, blank=True, default="")
    #: ``status_message`` as a code with parameters, where it is one
    said = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def become(self, state: str, message: str = "") -> None:
        """Set state and message; the caller saves."""
        self.state, self.status_message, self.said = state, message, codes.data(message)

    @property
    def told_message(self) -> str:
        """``status_message`` as a page writes it."""
        return codes.kept(self.status_message, self.said)


class UnitResource(Association):
    """One shared object: type label and id, because rooms further up own the tables."""

    unit = models.ForeignKey(ShareUnit, on_delete=models.CASCADE, related_name="resources")
    resource_type = models.CharField(max_length=64)  # "registry.model"
    resource_id = models.UUIDField()
    resource_name = models.CharField(max_length=128)  # as it was called when it was added

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "resource_type", "resource_id"], name="share_unit_resource"
            )
        ]
        indexes = [
            models.Index(fields=["resource_type", "resource_id"], name="share_resource_units")
        ]

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_name}"


class UnitPermission(models.Model):
    """The share permission of one resource type in one unit; its version never moves by itself."""

    unit = models.ForeignKey(ShareUnit, on_delete=models.CASCADE, related_name="permissions")
    resource_type = models.CharField(max_length=64)
    permission = models.CharField(max_length=64)
    permission_version = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "resource_type"], name="share_unit_permission")
        ]

    def __str__(self) -> str:
        return f"{self.permission} v{self.permission_version}"


class UnitPrincipal(Association):
    """One account the unit is shared with. ASSOCIATED only after that account has accepted."""

    unit = models.ForeignKey(ShareUnit, on_delete=models.CASCADE, related_name="principals")
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    #: the invitation that asked last
    invitation = models.ForeignKey(
        "sharing.Invitation", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "account"], name="share_unit_principal")
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.state}"

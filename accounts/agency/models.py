"""Agencies."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index

MAX_DAYS = 365


class Agency(Resource):
    """Rights that an account delegates to the platform, for one user or for all of them.

    An agency never adds to what the user may do: work on behalf of a user needs both
    (vector V4). The end is evaluated at every use, so no clean-up job has to run on time.
    """

    class Trust(models.TextChoices):
        MODELYARD = "modelyard", _("Modelyard platform")

    class Duration(models.TextChoices):
        FOREVER = "FOREVER", _("Permanent")
        ONEDAY = "ONEDAY", _("One day")
        DAYS = "DAYS", _("A number of days")

    trust = models.CharField(
        _("trusted party"), max_length=16, choices=Trust.choices, default=Trust.MODELYARD
    )
    duration = models.CharField(
        _("duration"), max_length=8, choices=Duration.choices, default=Duration.FOREVER
    )
    days = models.PositiveSmallIntegerField(
        _("days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)],
        help_text=_("1 to 365, for the duration “a number of days”."),
    )
    #: None: every user of the account, including those made later
    grantee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
        help_text=_("Empty: all users of the account, including those made later."),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("agency")
        verbose_name_plural = _("agencies")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="agency_name_in_account",
                violation_error_message=_("An agency of this name exists already."),
            )
        ]
        indexes = [listing_index("agency")]

    def clean(self) -> None:
        super().clean()
        if (self.duration == self.Duration.DAYS) != (self.days is not None):
            raise ValidationError(
                {"days": _("Give 1 to 365 days with the duration “a number of days”, else none.")},
                code="DURATION_RULE",
            )

    def end_of(self, start: dt.datetime) -> dt.datetime | None:
        """When an agency that starts at ``start`` ends; None for a permanent one."""
        if self.duration == self.Duration.FOREVER:
            return None
        return start + dt.timedelta(
            days=1 if self.duration == self.Duration.ONEDAY else self.days or 1
        )

    @property
    def state(self) -> str:
        """active, expired or revoked, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"


def granted_to(user_id: Any) -> list[Agency]:
    """Agencies in force that name this user alone, by name. An agency is the account's own, and
    users point to it (best practices, 2.1): it does not go with one of them."""
    rows = Agency.objects.unscoped("agencies that name a user")
    found = rows.filter(grantee_id=user_id, revoked_at=None).order_by("name")
    return [agency for agency in found if agency.state == "active"]

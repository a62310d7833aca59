"""Accounts that may not invite this account."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index

ACCOUNT_ID = r"^[0-9]{10}\Z"


class BlockedAccount(Resource):
    """``name`` is the id of the account that is blocked. It is a text, not a foreign key: whether
    such an account exists is not told."""

    name = models.CharField(
        _("account id"),
        max_length=10,
        validators=[RegexValidator(ACCOUNT_ID, _("An account id has 10 digits."), "ACCOUNT")],
    )

    class Meta:
        verbose_name = _("blocked account")
        verbose_name_plural = _("blocked accounts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="share_blocked_once",
                violation_error_message=_("This account is blocked already."),
            )
        ]
        indexes: ClassVar[list[models.Index]] = [listing_index("blockedaccount")]

    def clean(self) -> None:
        if self.name == self.account_id:
            raise ValidationError(
                {"name": ValidationError(_("This is your own account."), code="SELF")}
            )

"""Users."""

from __future__ import annotations

import unicodedata
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index


def normalise_password(raw: str) -> str:
    """NFKC, so that one password typed on two keyboards is one password (ASVS 6.2)."""
    return unicodedata.normalize("NFKC", raw)


class User(AbstractBaseUser, Resource):
    """A person or a script that signs in to one account.

    The root user carries the account's name and holds every right in its own account. ``name`` is
    unique in its account only, so Django's user name is the id.
    """

    USERNAME_FIELD = "id"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    email = models.EmailField(_("e-mail"), blank=True, default="")
    is_root = models.BooleanField(_("main account user"), default=False, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    must_change_password = models.BooleanField(
        _("must change the password"), default=False, editable=False
    )
    #: a temporary password stops working here; None for a password its user chose
    password_expires_at = models.DateTimeField(null=True, editable=False)
    password_changed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                "account",
                Lower("name"),
                name="user_name_in_account",
                violation_error_message=_("A user of this name exists already."),
            ),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_root=True), name="user_one_root"
            ),
        ]
        indexes = [listing_index("user")]

    def __str__(self) -> str:
        return self.name

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else normalise_password(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        return raw_password is not None and super().check_password(normalise_password(raw_password))

"""Users."""

from __future__ import annotations

import unicodedata
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.user import contact
from core.digests import DigestField
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

    AUDIT_SKIP: ClassVar = frozenset({"sealed_email"})

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    #: the address sealed, and its keyed digest to find it by; read and set as ``email``
    sealed_email = models.TextField(blank=True, default="", editable=False)
    email_digest = DigestField(about=contact.ABOUT)
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
        indexes = [
            listing_index("user"),
            models.Index(fields=["account", "email_digest"], name="user_by_email"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def email(self) -> str:
        """The e-mail address; "" for none."""
        return contact.opened(self.pk, self.sealed_email)

    @email.setter
    def email(self, address: str) -> None:
        for name, value in contact.columns(self.pk, address).items():
            setattr(self, name, value)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else normalise_password(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        return raw_password is not None and super().check_password(normalise_password(raw_password))

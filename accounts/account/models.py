"""Account and project."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

NAME_RULE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{3,63}", re.ASCII)


def new_account_id() -> str:
    """Ten random digits, the first not 0, so that the id survives a spreadsheet."""
    return str(1_000_000_000 + secrets.randbelow(9_000_000_000))


def new_epoch() -> int:
    """A value never used before for this account.

    Random rather than counted: a counter that a rolled-back transaction had raised would come
    again with other contents, and caches keyed by it would then hold rights that were never
    granted.
    """
    return secrets.randbits(62)


def new_project_id() -> str:
    """32 hexadecimal digits, as project ids in API paths are written."""
    return uuid.uuid4().hex


def validate_account_name(value: str) -> None:
    """Raise ValidationError unless ``value`` is a legal account name."""
    if not NAME_RULE.fullmatch(value):
        raise ValidationError(
            _("An account name has 4 to 64 letters, digits, “_” or “-” and starts with a letter."),
            code="NAME_RULE",
        )


class Account(models.Model):
    """One tenant. Everything a tenant owns points here; nothing crosses but by a share."""

    id = models.CharField(
        _("account id"), primary_key=True, max_length=10, default=new_account_id, editable=False
    )
    name = models.CharField(_("account name"), max_length=64, validators=[validate_account_name])
    is_operator = models.BooleanField(_("operator"), default=False, editable=False)
    #: off: users may do everything in ``modelarts:*`` unless a policy denies it
    strict_mode = models.BooleanField(_("strict mode"), default=True)
    is_active = models.BooleanField(_("active"), default=True)
    #: changes with every change of rights in this account; caches of rights are keyed by it
    iam_epoch = models.BigIntegerField(default=new_epoch, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Account]] = models.Manager()

    class Meta:
        verbose_name = _("account")
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="account_name_any_case",
                violation_error_message=_("An account of this name exists already."),
            ),
            # one installation has one operator; two set-ups at once cannot both win
            models.UniqueConstraint(
                fields=["is_operator"],
                condition=models.Q(is_operator=True),
                name="account_one_operator",
                violation_error_message=_("This installation has its operator already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """An account in one region; its id stands in API paths."""

    id = models.CharField(primary_key=True, max_length=32, default=new_project_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="projects")
    region = models.CharField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "region"], name="project_account_region")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.region}"

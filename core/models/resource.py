"""The base of everything a tenant owns."""

from __future__ import annotations

import re
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.managers import ScopedManager, uniqueness_over_all_rows

#: letters, digits, Chinese characters, dot, underscore, hyphen; starts with a letter or digit
NAME_RULE = re.compile(r"^[0-9A-Za-z一-鿿][0-9A-Za-z一-鿿._-]{0,63}\Z")
#: workspace and enterprise project of what was put into none; the vendor's id of the default ones
DEFAULT_PLACE = "0"
MAX_TAGS = 20  # vendor limit: 20 tags per job, notebook and service


def validate_name(value: str) -> None:
    """Raise ValidationError unless ``value`` is a legal resource name (1 to 64 characters)."""
    if not NAME_RULE.match(value):
        raise ValidationError(
            _(
                "Use 1 to 64 letters, digits, Chinese characters, “.”, “_” or “-”, "
                "starting with a letter or digit."
            ),
            code="NAME_RULE",
        )


def validate_tags(value: object) -> None:
    """Raise ValidationError unless ``value`` is at most 20 short text pairs."""
    if not isinstance(value, dict) or len(value) > MAX_TAGS:
        raise ValidationError(_("Tags are at most 20 key-value pairs."), code="TAG_RULE")
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ValidationError(_("Tag keys and values are text."), code="TAG_RULE")
        if not 1 <= len(key) <= 36 or len(text) > 43 or re.search(r"[=*<>\\,|/]", key):
            raise ValidationError(
                _(
                    "A tag key has 1 to 36 characters without = * < > \\ , | / and its value "
                    "at most 43."
                ),
                code="TAG_RULE",
            )

    if len({key.lower() for key in value}) < len(value):
        raise ValidationError(
            _("Two tag keys differ in upper and lower case only; policies take them for one."),
            code="TAG_RULE",
        )


class Resource(models.Model):
    """A named thing of one account in one region, with a version for optimistic locking.

    ``version`` grows by one with every change; it is the ETag and the compare-and-set guard.
    """

    #: the verb whose action decides who sees a row
    READ_VERB: ClassVar[str] = "get"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    region = models.CharField(
        _("region"), max_length=32, editable=False, blank=True, default=""
    )  # "" for what belongs to the whole account (users, policies, agencies)
    #: codes of the account's workspace and enterprise project (``accounts.workspace``); what
    #: belongs to the whole account is in the default ones
    workspace_id = models.CharField(max_length=36, default=DEFAULT_PLACE, editable=False)
    enterprise_project_id = models.CharField(max_length=36, default=DEFAULT_PLACE, editable=False)
    name = models.CharField(_("name"), max_length=64, validators=[validate_name])
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    tags = models.JSONField(_("tags"), default=dict, blank=True, validators=[validate_tags])
    version = models.PositiveBigIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def access_path(self) -> str:
        """Path part of the resource name in policies; types without resource paths keep ""."""
        return ""

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert or update; the table of tags is written with the row."""
        from core import tags

        new, columns = self._state.adding, kwargs.get("update_fields")
        super().save(*args, **kwargs)
        if new:
            tags.add(self)
        elif columns is None or "tags" in columns:
            tags.write(self)

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'

    def clean_fields(self, exclude: Any = None) -> None:
        """Every field but those that the platform itself sets, and the database checks."""
        super().clean_fields(exclude={*(exclude or ()), "account", "created_by"})

    def validate_unique(self, exclude: Any = None) -> None:
        """Unique columns, but not the id: it was made at random just now."""
        with uniqueness_over_all_rows():
            super().validate_unique(exclude={*(exclude or ()), "id"})

    def validate_constraints(self, exclude: Any = None) -> None:
        with uniqueness_over_all_rows():
            super().validate_constraints(exclude=exclude)


def listing_index(model_name: str) -> models.Index:
    """The index every list page needs: own rows of a workspace, newest first (see
    docs/mechanisms/lists.md)."""
    return models.Index(
        fields=["account", "workspace_id", "-created_at", "-id"],
        name=f"{model_name}_own_newest"[:30],
    )

"""Bucket."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.rows import anchored
from core.models import Resource
from core.models.resource import listing_index
from storage.keys import validate_bucket_name


class Bucket(Resource):
    """A named set of objects of one account in one region. The name never changes: it is part of
    every path that policies, jobs and scripts write down."""

    name = models.CharField(
        _("name"),
        max_length=63,
        validators=[validate_bucket_name],
        error_messages={"unique": _("Your account has a bucket of this name already.")},
    )

    class Meta:
        verbose_name = _("bucket")
        verbose_name_plural = _("buckets")
        indexes: ClassVar[list[models.Index]] = [listing_index("bucket")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="bucket_account_name",
                violation_error_message=_("Your account has a bucket of this name already."),
            )
        ]

    @property
    def access_path(self) -> str:
        return self.name

    @classmethod
    def access_path_q(cls, patterns: list[str]) -> Q:
        """Rows whose name matches one of the policy patterns."""
        found = Q(pk__in=[])
        for pattern in patterns:
            found |= Q(name__regex=anchored(pattern)) if "*" in pattern else Q(name=pattern)
        return found

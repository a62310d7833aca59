"""Tags of rows as a table: which rows of an account carry k=v is one look into an index."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from core.managers import ScopedManager


class Tag(models.Model):
    """One tag of one row. ``core.tags`` keeps it in step with ``Resource.tags``, which a row
    carries so that a decision about it asks nothing more.

    ``key`` is in lower case, as policies compare keys.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    resource_type = models.CharField(max_length=64)  # "training.trainingjob"
    resource_id = models.UUIDField()
    key = models.CharField(max_length=36)
    value = models.CharField(max_length=43, blank=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["account", "resource_type", "key", "value", "resource_id"],
                name="tag_by_value",
            ),
            models.Index(fields=["resource_id", "key"], name="tag_of_row"),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

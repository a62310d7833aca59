"""Immutable bytes. Objects and dataset versions refer to them; the last one out removes them."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class StoredBytes(models.Model):
    """How many bytes the blobs of one account have together, kept with every blob that comes or
    goes: adding them up would take longer with every object."""

    account = models.OneToOneField(
        settings.MODELYARD_ACCOUNT_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
    )
    total = models.PositiveBigIntegerField(default=0)  # bytes

    def __str__(self) -> str:
        return f"{self.total} bytes of {self.account_id}"


class Blob(models.Model):
    """Bytes under a random name. A row that needs them holds a protecting foreign key to this row.

    Not named by its digest: two uploads of equal bytes would then race with the removal of the
    last reference, and equal bytes of two accounts would tell one about the other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Blob]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.size} bytes)"

    @property
    def stored_name(self) -> str:
        """Name in the byte store."""
        return self.id.hex

"""What refers to what: one row per reference, whatever the types."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from core.managers import ScopedManager

MAX_PATH = 1024


class Reference(models.Model):
    """``from`` uses, reads, writes or was made from ``to``; see ``core.references``.

    ``account`` is the referrer's: what belongs to another account is counted, never named.
    A row stays when its target goes and goes with its referrer.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    from_type = models.CharField(max_length=64)  # "training.trainingjob"
    from_id = models.UUIDField()
    to_type = models.CharField(max_length=64)
    to_id = models.UUIDField()
    role = models.CharField(max_length=32)  # a key of the referrer's ``Declaration.references``
    #: which part of the target, e.g. a prefix of a bucket; "" for all of it
    path = models.CharField(max_length=MAX_PATH, blank=True, default="")
    holds = models.BooleanField(default=False)  # the target stays while the referrer is at work
    blocks = models.BooleanField(default=False)  # it holds, and the referrer is at work now

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["to_type", "to_id", "blocks"], name="reference_to"),
            models.Index(fields=["from_type", "from_id"], name="reference_from"),
        ]

    def __str__(self) -> str:
        return f"{self.from_type} {self.from_id} {self.role} {self.to_type} {self.to_id}"

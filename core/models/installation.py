"""Which installation this database belongs to."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone


def new_identity() -> str:
    """32 random hexadecimal digits."""
    return uuid.uuid4().hex


class Installation(models.Model):
    """One row. Its id stands in every store that belongs to this database, and in control groups,
    processes and state files; see docs/mechanisms/installation.md."""

    key = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identity = models.CharField(max_length=32, default=new_identity)
    created_at = models.DateTimeField(default=timezone.now)
    #: grows with every start and every few minutes of work; 0: no store has been marked yet
    generation = models.PositiveBigIntegerField(default=0)
    #: where the data folder lies, for messages
    home = models.CharField(max_length=500, default="", blank=True)
    #: why the last sweep took nothing; "" where it did its work
    refused = models.TextField(default="", blank=True)

    objects: ClassVar[models.Manager[Installation]] = models.Manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(key=1), name="one_installation")]

    def __str__(self) -> str:
        return self.identity

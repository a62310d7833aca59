"""How often something was done lately."""

from __future__ import annotations

from django.db import models


class Rate(models.Model):
    """What was counted under one key since the window began."""

    key = models.CharField(primary_key=True, max_length=96)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"

"""Limits of one account that differ from the defaults."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Quota(models.Model):
    """``limit`` objects of kind ``key`` for one account, instead of the declared default."""

    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(max_length=64)
    limit = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint("account", "key", name="quota_account_key")]

    def __str__(self) -> str:
        return f"{self.key} <= {self.limit}"

"""Who holds how much of which pool."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PoolLock(models.Model):
    """One row per pool; who takes a slot locks it, so two cannot take the same capacity."""

    pool = models.CharField(max_length=64, primary_key=True)
    turn = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.pool


class Slot(models.Model):
    """A lease with the attempt's id. ``dirty``: its process did not go away; never handed out."""

    attempt = models.UUIDField(primary_key=True)
    pool = models.CharField(max_length=64)
    flavor = models.CharField(max_length=64)
    cpus = models.FloatField()
    memory_mb = models.PositiveIntegerField()
    #: what the program may fill, and what that takes on the host; in MiB
    disk_mb = models.PositiveIntegerField(default=0)
    room_mb = models.PositiveIntegerField(default=0)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    resource_type = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=64)
    taken_at = models.DateTimeField(auto_now_add=True)
    dirty = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index("pool", name="slot_by_pool")]

    def __str__(self) -> str:
        return f"{self.flavor} in {self.pool} for {self.resource_type} {self.resource_id}"

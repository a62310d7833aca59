"""Messages that leave with the transaction, and the right to look at one object."""

from __future__ import annotations

from django.db import models


class OutboxMessage(models.Model):
    """ "Look at this object", written with the change and published after commit."""

    id = models.BigAutoField(primary_key=True)
    account = models.CharField(max_length=10, default="", blank=True)
    resource_type = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "resource_type", "id"], name="outbox_turns"),
            models.Index(fields=["resource_id"], name="outbox_by_resource"),
            models.Index(
                fields=["created_at"],
                name="outbox_waiting",
                condition=models.Q(published_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"look at {self.resource_type} {self.resource_id}"


class Lease(models.Model):
    """One reconciler per object at a time. ``again`` asks the holder for one more look;
    ``account`` is whose object it is, "" for what belongs to the platform."""

    key = models.CharField(max_length=160, primary_key=True)
    holder = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    again = models.BooleanField(default=False)
    account = models.CharField(max_length=10, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.key} held by {self.holder}"


class Turn(models.Model):
    """When it is an account's turn to be looked at, among those that wait."""

    account = models.CharField(max_length=10, primary_key=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.account} at {self.at:%H:%M:%S}"

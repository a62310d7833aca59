"""What happened to an object, in order: the source of live pages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from core import codes


class Event(models.Model):
    """One thing that happened; ``id`` is the sequence number that live pages resume from."""

    class Level(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    resource_type = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    code = models.CharField(max_length=64)
    message = models.CharField(max_length=500, blank=True)
    #: ``message`` as a code with parameters, where it is one
    said = models.JSONField(null=True)
    phase_from = models.CharField(max_length=32, blank=True)
    phase_to = models.CharField(max_length=32, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["resource_id", "id"], name="event_by_resource")]

    @property
    def told_message(self) -> str:
        """``message`` as a page writes it."""
        return codes.kept(self.message, self.said)

    def __str__(self) -> str:
        return f"{self.code} {self.resource_type} {self.resource_id}"

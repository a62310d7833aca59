"""Who did what: one row per change and per denial."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core import codes


class AuditRecord(models.Model):
    """Append-only: no code path updates or deletes a row, and a database trigger refuses to."""

    class Result(models.TextChoices):
        OK = "ok", _("OK")
        DENIED = "denied", _("Denied")
        FAILED = "failed", _("Failed")

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    at = models.DateTimeField(auto_now_add=True)
    actor_kind = models.CharField(max_length=16)
    actor_user_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    via = models.CharField(max_length=16)
    on_behalf_agency_id = models.UUIDField(null=True)
    source_ip = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    event = models.CharField(max_length=64)  # see core.event_names
    action = models.CharField(max_length=96)  # IAM action
    resource_type = models.CharField(max_length=64, blank=True)
    resource_id = models.CharField(max_length=64, blank=True)
    resource_name = models.CharField(max_length=128, blank=True)
    result = models.CharField(max_length=8, choices=Result.choices)
    decision_id = models.CharField(max_length=32, blank=True)
    message = models.CharField(max_length=500, blank=True)
    #: ``message`` as a code with parameters, where it is one
    said = models.JSONField(null=True)
    before: models.JSONField[Any, Any] = models.JSONField(null=True)
    after: models.JSONField[Any, Any] = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="audit_own_newest"),
            models.Index(fields=["resource_id", "-id"], name="audit_by_resource"),
        ]

    @property
    def told_message(self) -> str:
        """``message`` as a page writes it."""
        return codes.kept(self.message, self.said)

    def __str__(self) -> str:
        return f"{self.event} {self.resource_name} by {self.actor_label}: {self.result}"

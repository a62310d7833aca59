"""Tables of this room."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Backup(models.Model):
    """One backup that was begun: for the operator's page and for the plan. What a backup is, its
    manifest says; a row may be lost with the database, and the backup stays good."""

    class State(models.TextChoices):
        RUNNING = "Running", _("Running")  # its process lives
        DONE = "Done", _("Done")  # finished; its manifest is written
        FAULTY = "Faulty", _("Faulty")  # finished, but bytes of the store were missing or damaged
        FAILED = "Failed", _("Failed")  # there is no such backup

    name = models.CharField(max_length=32, unique=True)
    place = models.CharField(max_length=1024)  # the folder
    planned = models.BooleanField(default=False)  # by the schedule, not by hand
    encrypted = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    process = models.CharField(max_length=64)  # core.liveness: who makes it
    begun_at = models.DateTimeField(auto_now_add=True, db_index=True)
    ended_at = models.DateTimeField(null=True)
    blobs = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)  # bytes that a restore reads
    new_size = models.PositiveBigIntegerField(default=0)  # bytes that it wrote
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-begun_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

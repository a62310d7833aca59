"""Failed sign-ins, so that guessing becomes slow."""

from __future__ import annotations

from django.db import models


class SignInThrottle(models.Model):
    """Failures in a row of one key (a hash of "user in account", of an address, of a device)."""

    key = models.CharField(primary_key=True, max_length=64)
    failures = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.failures} failures, blocked until {self.blocked_until}"

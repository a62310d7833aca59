"""Where a user is signed in to the console."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class SignInSession(models.Model):
    """One browser that is signed in; the Django session behind it is named by ``session_key``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sign_in_sessions"
    )
    session_key = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-created_at"], name="session_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} from {self.ip}"

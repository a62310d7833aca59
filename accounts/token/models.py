"""Bearer tokens: a user's own, and the platform's short-lived credentials."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.agency.models import Agency


class ApiToken(models.Model):
    """What is kept of a bearer token: a look-up prefix and the SHA-256 of its secret.

    The secret has 256 random bits, so one fast hash is enough: there is nothing to guess. Rights
    are those of the user at the time of use (and of the agency, for a credential), never those at
    the time of issue.
    """

    class Kind(models.TextChoices):
        USER = "user", _("API token")  # made by a person for scripts
        CREDENTIAL = "credential", _("Background credential")  # made by the platform for one job

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.USER)
    name = models.CharField(_("name"), max_length=64)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    agency = models.ForeignKey(
        Agency, on_delete=models.CASCADE, null=True, related_name="credentials"
    )
    bound_to = models.CharField(max_length=128, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    last_used_at = models.DateTimeField(_("last used"), null=True)
    last_used_ip = models.CharField(max_length=45, blank=True, default="")

    class Meta:
        verbose_name = _("API token")
        indexes = [
            models.Index(fields=["user", "-created_at"], name="token_of_user"),
            models.Index(
                fields=["bound_to"], name="token_bound_to", condition=~models.Q(bound_to="")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="user", agency__isnull=True)
                | models.Q(kind="credential", agency__isnull=False),
                name="token_credential_has_agency",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (my_{self.prefix}_…)"

    @property
    def state(self) -> str:
        """active, expired or revoked, as of now."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "active"

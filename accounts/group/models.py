"""Groups and who is in them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index


class Group(Resource):
    """Users that get the same policies."""

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="group_name_in_account",
                violation_error_message=_("A group of this name exists already."),
            )
        ]
        indexes = [listing_index("group")]


class Membership(models.Model):
    """One user in one group of the same account."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"

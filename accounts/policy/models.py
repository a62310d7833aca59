"""Custom policies, their history, and attachments. System policies are data: see ``catalog``."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.agency.models import Agency
from accounts.group.models import Group
from accounts.policy.names import system_policy_like, validate_policy_name
from accounts.user.models import User
from core.models import Resource
from core.models.resource import listing_index


class Policy(Resource):
    """A custom policy of one account. ``document`` is what the newest version says."""

    name = models.CharField(_("name"), max_length=64, validators=[validate_policy_name])
    #: what a policy holds: the language of the vendor's policies, version 1.1
    document: models.JSONField[Any, Any] = models.JSONField(_("policy document"))
    #: number of the version in force; older ones stay readable
    revision = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="policy_name_in_account",
                violation_error_message=_("A policy of this name exists already."),
            )
        ]
        indexes = [listing_index("policy")]

    def clean(self) -> None:
        """Refuse a name that looks like a system policy's: who attaches by name would give away
        more, or less, than they mean."""
        super().clean()
        system = system_policy_like(self.name)
        if system is not None:
            text = _("“%(name)s” is a system policy. Give your policy a name of its own.")
            raise ValidationError(
                {"name": ValidationError(text, code="SYSTEM_POLICY", params={"name": system})}
            )


class PolicyVersion(models.Model):
    """What a policy said from one edit to the next. Written once, never changed."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document: models.JSONField[Any, Any] = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once")
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A policy version never changes; save a new version of the policy.")
        super().save(*args, **kwargs)


_PRINCIPALS = ("user", "group", "agency")


def _once(principal: str, policy: str) -> models.UniqueConstraint:
    condition = Q(**{f"{principal}__isnull": False})
    condition &= ~Q(system="") if policy == "system" else Q(policy__isnull=False)
    return models.UniqueConstraint(
        fields=[principal, policy],
        condition=condition,
        name=f"attachment_{principal}_{policy}_once",
    )


class PolicyAttachment(models.Model):
    """One policy, custom or system, on one user, group or agency of the same account."""

    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    policy = models.ForeignKey(
        Policy, on_delete=models.CASCADE, null=True, related_name="attachments"
    )
    system = models.CharField(max_length=64, blank=True, default="")  # name of a system policy
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="policy_attachments"
    )
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, null=True, related_name="policy_attachments"
    )
    agency = models.ForeignKey(
        Agency, on_delete=models.CASCADE, null=True, related_name="policy_attachments"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    PRINCIPALS: ClassVar[tuple[str, ...]] = _PRINCIPALS

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(policy__isnull=True) & ~Q(system=""))
                | (Q(policy__isnull=False) & Q(system="")),
                name="attachment_one_policy",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True, agency__isnull=True)
                | Q(user__isnull=True, group__isnull=False, agency__isnull=True)
                | Q(user__isnull=True, group__isnull=True, agency__isnull=False),
                name="attachment_one_principal",
            ),
            *(_once(p, policy) for p in _PRINCIPALS for policy in ("policy", "system")),
        ]

    def __str__(self) -> str:
        return f"{self.policy_name} on {self.principal}"

    @property
    def policy_name(self) -> str:
        return self.system or (self.policy.name if self.policy else "")

    @property
    def principal(self) -> User | Group | Agency:
        found = self.user or self.group or self.agency
        assert found is not None  # the check constraint attachment_one_principal
        return found

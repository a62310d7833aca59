"""Enterprise project."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.account.models import Account
from core.models.resource import DEFAULT_PLACE


class EnterpriseProject(models.Model):
    """A group of resources inside an account, for rights and costs.

    ``code`` is what ``Resource.enterprise_project_id`` holds and what policies compare as
    ``g:EnterpriseProjectId``; that of the default one is "0" in every account.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=36, default=DEFAULT_PLACE)
    name = models.CharField(_("name"), max_length=64, default="default")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[EnterpriseProject]] = models.Manager()

    class Meta:
        verbose_name = _("enterprise project")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "code"], name="enterprise_project_code"),
            models.UniqueConstraint(fields=["account", "name"], name="enterprise_project_name"),
        ]

    def __str__(self) -> str:
        return self.name

"""Workspace."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.account.models import Account
from accounts.enterprise_project.models import EnterpriseProject
from core.models.resource import DEFAULT_PLACE


class Workspace(models.Model):
    """A logical space inside an account, bound to one enterprise project.

    ``code`` is what ``Resource.workspace_id`` holds and what policies compare as
    ``g:WorkspaceId``; that of the default one is "0" in every account. The default workspace is
    open to the whole account (PUBLIC).
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=36, default=DEFAULT_PLACE)
    name = models.CharField(_("name"), max_length=64, default="default")
    enterprise_project = models.ForeignKey(
        EnterpriseProject, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Workspace]] = models.Manager()

    class Meta:
        verbose_name = _("workspace")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "code"], name="workspace_code"),
            models.UniqueConstraint(fields=["account", "name"], name="workspace_name"),
        ]

    def __str__(self) -> str:
        return self.name

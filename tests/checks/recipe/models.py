"""Algorithms: programs that training jobs are made from."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index


class Algorithm(Resource):
    """A script and where its program lies."""

    code = models.CharField(_("code directory"), max_length=255)
    boot_file = models.CharField(_("boot file"), max_length=255)

    class Meta:
        verbose_name = _("algorithm")
        verbose_name_plural = _("algorithms")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "region", "name"], name="algorithm_name")
        ]
        indexes: ClassVar[list[models.Index]] = [listing_index("algorithm")]

"""Dataset, and what share units grant on it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index
from sharing.grants import GrantBase


class Dataset(Resource):
    """A name for data; the data itself is in its versions, which never change."""

    class Format(models.TextChoices):
        IDX = "idx", _("Images in IDX files (MNIST layout)")  # checked file by file
        FILES = "files", _("Files of any kind")  # taken as they are

    format = models.CharField(
        _("format"), max_length=16, choices=Format.choices, default=Format.IDX
    )
    #: labels of an IDX dataset lie in 0 .. classes - 1
    classes = models.PositiveSmallIntegerField(_("classes"), default=10)

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        indexes: ClassVar[list[models.Index]] = [listing_index("dataset")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "region", "name"],
                name="dataset_name",
                violation_error_message=_("A dataset of this name exists already."),
            )
        ]


class DatasetGrant(GrantBase):
    """What an accepted share unit lets another account do with a dataset and its versions."""

    content_object: models.ForeignKey[Any, Any] = models.ForeignKey(Dataset, models.CASCADE)

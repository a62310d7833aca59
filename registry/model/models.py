"""Models (one row per version), their files and what share units grant on them."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful
from sharing.grants import GrantBase
from storage.blob.models import Blob

VERSION = re.compile(r"^(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})\Z")


def validate_version(value: str) -> None:
    """Raise ValidationError unless ``value`` is three numbers joined by dots, as 0.0.1."""
    if not VERSION.match(value):
        raise ValidationError(_("Write a version as three numbers, e.g. 0.0.1."), code="VERSION")


class Model(Resource, Stateful):
    """One version of a model. Its files are held by reference, so the source may change or go."""

    class Phase(models.TextChoices):
        PUBLISHING = "Publishing", _("Publishing")  # the package is being checked
        PUBLISHED = "Published", _("Published")  # may be deployed
        FAILED = "Failed", _("Failed")  # the package breaks a rule; problems name it
        DEPRECATED = "Deprecated", _("Deprecated")  # runs where it runs; no new deploys

    TRANSITIONS: ClassVar = {
        "Publishing": frozenset({"Published", "Failed"}),
        "Published": frozenset({"Deprecated"}),
        "Deprecated": frozenset({"Published"}),
        "Failed": frozenset({"Publishing"}),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset()
    SETTLED: ClassVar = frozenset({"Published", "Failed", "Deprecated"})
    DEADLINES: ClassVar = {"Publishing": 600}
    HEARTBEATS: ClassVar[dict[str, int]] = {}
    TONES: ClassVar = {
        "Publishing": "blue",
        "Published": "green",
        "Failed": "red",
        "Deprecated": "grey",
    }
    PARKED: ClassVar = "Failed"

    model_version = models.CharField(
        _("version"), max_length=20, default="0.0.1", validators=[validate_version]
    )
    model_type = models.CharField(_("model type"), max_length=32, blank=True, default="")
    engine = models.CharField(_("engine"), max_length=64, blank=True, default="")
    config = models.JSONField(default=dict, editable=False)  # config.json, normalised
    problems = models.JSONField(default=list, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)  # bytes
    #: {"training_job": id} and/or {"bucket", "prefix"}: where the files were taken from
    source = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = _("model")
        indexes = [listing_index("model")]
        constraints = [
            models.UniqueConstraint(
                "account",
                "region",
                "name",
                "model_version",
                name="model_name_version",
                violation_error_message=_("This version of the model exists already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.model_version}"

    @classmethod
    def called(cls, text: str) -> models.Q:
        """Rows whose name and version read like ``text``."""
        name, _space, version = text.rpartition(" ")
        return models.Q(name=name, model_version=version)


class ModelFile(models.Model):
    """One file of a model's package; ``path`` starts with ``model/``."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=1024)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint("model", "path", name="model_file_path")]

    def __str__(self) -> str:
        return self.path


class ModelGrant(GrantBase):
    """What an accepted share unit lets another account do with a model."""

    content_object: models.ForeignKey[Any, Any] = models.ForeignKey(Model, models.CASCADE)

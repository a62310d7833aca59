"""DatasetVersion and the files it consists of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful
from datasets.dataset.models import Dataset
from storage.blob.models import Blob
from storage.keys import MAX_KEY_BYTES
from storage.object.fields import KeyField


class DatasetVersion(Resource, Stateful):
    """A snapshot of the objects below one prefix, taken once; ``name`` is V001, V002, ...

    It holds its bytes by reference: overwriting or deleting the objects later changes
    nothing here.
    """

    class Phase(models.TextChoices):
        CREATING = "Creating", _("Creating")  # the manifest is written, not looked at yet
        VALIDATING = "Validating", _("Validating")  # the bytes are being read
        READY = "Ready", _("Ready")  # may be trained on
        INVALID = "Invalid", _("Invalid")  # the data breaks a rule; problems name every place
        ERROR = "Error", _("Error")  # we could not check; nothing is known about the data

    TRANSITIONS: ClassVar = {
        "Creating": frozenset({"Validating", "Error"}),
        "Validating": frozenset({"Ready", "Invalid", "Error"}),
        "Error": frozenset({"Validating"}),
        "Ready": frozenset[str](),
        "Invalid": frozenset[str](),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset({"Ready", "Invalid"})
    SETTLED: ClassVar[frozenset[str]] = frozenset({"Error"})
    DEADLINES: ClassVar = {"Creating": 300, "Validating": 300}
    HEARTBEATS: ClassVar[dict[str, int]] = {}
    TONES: ClassVar = {
        "Creating": "blue",
        "Validating": "blue",
        "Ready": "green",
        "Invalid": "red",
        "Error": "yellow",
    }
    PARKED: ClassVar = "Error"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    format = models.CharField(max_length=16, choices=Dataset.Format.choices, editable=False)
    classes = models.PositiveSmallIntegerField(default=10, editable=False)
    #: {"bucket", "prefix"}: where the snapshot was taken
    source = models.JSONField(default=dict, editable=False)
    file_count = models.PositiveIntegerField(default=0, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False)  # bytes
    #: SHA-256 over the manifest: equal digests, equal data
    digest = models.CharField(max_length=64, editable=False)
    #: splits with count, shape, classes and histogram, as datasets.idx sums them up
    summary = models.JSONField(default=dict, editable=False)
    problems = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        indexes: ClassVar[list[models.Index]] = [listing_index("datasetversion")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.dataset.name} {self.name}"

    @classmethod
    def called(cls, text: str) -> models.Q:
        """Rows whose dataset and name read like ``text``."""
        dataset, _space, name = text.rpartition(" ")
        return models.Q(dataset__name=dataset, name=name)

    @property
    def phase_label(self) -> str:
        """The status in words."""
        return str(self.Phase(self.phase).label)

    @property
    def is_usable(self) -> bool:
        """May jobs read it?"""
        return self.phase == self.Phase.READY


class DatasetFile(models.Model):
    """One file of a version; ``path`` is relative to the prefix the version was taken from."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="files")
    path = KeyField(max_length=MAX_KEY_BYTES)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "path"], name="dataset_file_path")
        ]

    def __str__(self) -> str:
        return str(self.path)

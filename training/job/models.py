"""Training jobs, their attempts, the output paths they hold and the metrics they print."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compute.catalog.flavors import pools
from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful


class TrainingJob(Resource, Stateful):
    """One run of a user's code. A rerun is a new job that names this one as its parent."""

    class Phase(models.TextChoices):
        """Level 1 states of ModelArts' jobs; ``secondary`` is level 2 and may grow."""

        CREATING = "Creating", _("Creating")  # accepted; being checked
        PENDING = "Pending", _("Pending")  # waiting for an engine or a slot
        RUNNING = "Running", _("Running")  # preparing, running or uploading
        TERMINATING = "Terminating", _("Terminating")  # asked to stop; process still there
        COMPLETED = "Completed", _("Completed")  # exit 0 and every output verified
        FAILED = "Failed", _("Failed")  # did not produce what was asked
        TERMINATED = "Terminated", _("Terminated")  # stopped by a person or by a limit
        ABNORMAL = "Abnormal", _("Abnormal")  # the platform cannot go on or cannot see it

    TRANSITIONS: ClassVar = {
        "Creating": frozenset({"Pending", "Failed", "Terminated", "Abnormal"}),
        "Pending": frozenset({"Running", "Failed", "Terminated", "Abnormal"}),
        "Running": frozenset(
            {"Completed", "Failed", "Terminating", "Terminated", "Abnormal", "Pending"}
        ),
        "Terminating": frozenset({"Terminated", "Completed", "Failed", "Abnormal"}),
        "Abnormal": frozenset({"Running", "Failed", "Terminating", "Terminated", "Pending"}),
    }
    TERMINAL: ClassVar = frozenset({"Completed", "Failed", "Terminated"})
    #: the verb ``retry-upload``; docs/adr/retry-upload.md
    REOPENS: ClassVar = {("Failed", "UPLOAD_FAILED"): frozenset({"Running"})}
    SETTLED: ClassVar = frozenset({"Completed", "Failed", "Terminated"})
    DEADLINES: ClassVar = {
        "Creating": 60,
        "Pending": 24 * 3600,  # then QUEUE_TIMEOUT, with what was missing
        "Terminating": 300,  # then the slot is held and marked dirty
        "Abnormal": 300,  # T_fence: then the attempt is given up
    }
    HEARTBEATS: ClassVar = {"Running": 90}  # T_lost
    SECONDARY: ClassVar = {
        "Queuing": _("Queuing"),
        "Preparing": _("Preparing"),
        "Running": _("Running"),
        "Uploading": _("Uploading"),
        "Restarting": _("Restarting"),
        "Lost": _("Lost"),
    }
    TONES: ClassVar = {
        "Creating": "blue",
        "Pending": "yellow",
        "Running": "blue",
        "Terminating": "yellow",
        "Completed": "green",
        "Failed": "red",
        "Terminated": "grey",
        "Abnormal": "red",
    }
    PARKED: ClassVar = "Failed"

    #: the trail has the names in them, never the values
    AUDIT_NAMES: ClassVar = frozenset({"hyperparameters", "environment"})
    AUDIT_SKIP: ClassVar = frozenset({"sealed"})

    code_bucket = models.CharField(_("code bucket"), max_length=63)
    #: directory of the boot file, ends with "/"; "" is the bucket's root
    code_prefix = models.CharField(_("code directory"), max_length=1024, blank=True)
    boot_file = models.CharField(_("boot file"), max_length=255)
    engine = models.CharField(_("engine"), max_length=64)
    flavor = models.CharField(_("flavor"), max_length=64)
    pool = models.CharField(_("resource pool"), max_length=64, default="public")
    agency_id = models.UUIDField(null=True, editable=False)
    #: [{"name", "bucket", "prefix"} | {"name", "dataset_version"}], each with "access_method"
    #: ("parameter", "env") where it is not "parameter"
    inputs: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    #: [{"name", "bucket", "prefix"}], "access_method" as above, and "predownload" where it is true
    outputs: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    #: name -> text, or None for a bare flag
    hyperparameters: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    environment: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    #: {"environment" | "hyperparameters": [name]} of the secret values; see training.job.values
    sealed_names: models.JSONField[Any, Any] = models.JSONField(
        default=dict, blank=True, editable=False
    )
    sealed = models.TextField(blank=True, default="", editable=False)
    #: warnings of the acceptance, [{"level", "code", "field", "text", "next"}]
    problems: models.JSONField[Any, Any] = models.JSONField(
        default=list, blank=True, editable=False
    )
    max_duration = models.PositiveIntegerField(
        _("time limit (s)"),
        default=3600,
        validators=[MinValueValidator(10), MaxValueValidator(30 * 86400)],
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=1, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    sync_seconds = models.PositiveSmallIntegerField(default=30, editable=False)
    parent_id = models.UUIDField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("training job")
        indexes = [listing_index("trainingjob")]
        constraints = [
            models.UniqueConstraint(
                "account",
                "region",
                "name",
                name="training_job_name",
                violation_error_message=_("A training job of this name exists already."),
            )
        ]

    @property
    def access_context(self) -> dict[str, str]:
        """What conditions on a job ask about: rerun is decided by the job's own pool."""
        pool = pools().get(self.pool)
        return {"modelarts:poolType": pool.kind if pool else "unknown"}

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt, or None before the first."""
        found = Attempt.objects.filter(job_id=self.pk).order_by("-number").first()
        if found is not None:
            found.job = self  # as it was read: it is not asked for again
        return found

    @property
    def duration_seconds(self) -> float | None:
        """From the first attempt's start to the end, or to now; None before it started."""
        if self.started_at is None:
            return None
        return ((self.ended_at or timezone.now()) - self.started_at).total_seconds()


class Attempt(models.Model):
    """One start of a job's code. ``number`` is the fencing token: a later one outranks it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    job = models.ForeignKey(TrainingJob, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    node = models.CharField(max_length=64, blank=True, default="")  # host that it was started on
    pool_id = models.CharField(max_length=64, blank=True, default="")
    environment_id = models.CharField(max_length=64, blank=True, default="")  # digest of the engine
    started_at = models.DateTimeField(auto_now_add=True)
    running_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=64, blank=True)
    exit_code = models.IntegerField(null=True)
    report: models.JSONField[Any, Any] = models.JSONField(default=dict)  # the runner's last state
    credential_until = models.DateTimeField(null=True)  # renewed before this by the reconciler
    numbers_offset = models.BigIntegerField(default=0)  # bytes read of what the runner found

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint("job", "number", name="training_attempt_number")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.job_id}"


class OutputClaim(models.Model):
    """An output path that one unfinished job holds; no other job may write there meanwhile."""

    job = models.ForeignKey(TrainingJob, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(
        settings.MODELYARD_ACCOUNT_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    bucket = models.CharField(max_length=63)
    prefix = models.CharField(max_length=1024)  # normalised, ends with "/"

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "bucket", "prefix", name="training_output_claim")
        ]

    def __str__(self) -> str:
        return f"obs://{self.bucket}/{self.prefix}"


class MetricPoint(models.Model):
    """One number a job printed: ``name`` at ``step`` (or the n-th time it was printed)."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(TrainingJob, on_delete=models.CASCADE, related_name="+")
    attempt_number = models.PositiveIntegerField()
    name = models.CharField(max_length=64)
    step = models.FloatField()
    epoch = models.FloatField(null=True)
    value = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index("job", "name", "id", name="training_metric_series")]

    def __str__(self) -> str:
        return f"{self.name}={self.value} at {self.step}"

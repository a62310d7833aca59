"""Services, their instances and what the gateway counted."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from compute.catalog.flavors import pools
from core import codes
from core.models import Resource
from core.models.resource import listing_index
from core.states import Stateful
from registry.model.models import Model

MAX_REPLICAS = 8


class Service(Resource, Stateful):
    """A model offered under one address by one or more instances."""

    class Phase(models.TextChoices):
        PENDING = "Pending", _("Pending")  # accepted; engine and rights are being looked at
        WAITING = "Waiting", _("Waiting")  # no room in the pool; the message says what is missing
        DEPLOYING = "Deploying", _("Deploying")  # instances are coming up for the first time
        RUNNING = "Running", _("Running")  # every wanted instance is ready
        CONCERNING = "Concerning", _("Concerning")  # serves, but not with every instance
        FAILED = "Failed", _("Failed")  # nothing is ready and retries are over
        STOPPING = "Stopping", _("Stopping")  # drains and ends its instances
        STOPPED = "Stopped", _("Stopped")  # nothing runs; the configuration is kept

    TRANSITIONS: ClassVar = {
        "Pending": frozenset({"Waiting", "Deploying", "Failed", "Stopping", "Stopped"}),
        "Waiting": frozenset({"Deploying", "Failed", "Stopping", "Stopped"}),
        "Deploying": frozenset({"Running", "Failed", "Stopping", "Concerning"}),
        "Running": frozenset({"Concerning", "Stopping", "Failed"}),
        "Concerning": frozenset({"Running", "Failed", "Stopping"}),
        "Failed": frozenset({"Pending", "Stopping"}),
        "Stopping": frozenset({"Stopped", "Failed"}),
        "Stopped": frozenset({"Pending"}),
    }
    TERMINAL: ClassVar[frozenset[str]] = frozenset()
    SETTLED: ClassVar = frozenset({"Failed", "Stopped"})
    DEADLINES: ClassVar = {
        "Pending": 3600,  # an engine may have to be built first
        "Waiting": 3600,  # then NO_CAPACITY
        "Deploying": 1200,  # vendor: deploy timeout 20 minutes; then HEALTH_STARTUP
        "Stopping": 180,  # then the instances are killed
    }
    HEARTBEATS: ClassVar = {"Running": 30, "Concerning": 30}
    TONES: ClassVar = {
        "Pending": "blue",
        "Waiting": "yellow",
        "Deploying": "blue",
        "Running": "green",
        "Concerning": "yellow",
        "Failed": "red",
        "Stopping": "yellow",
        "Stopped": "grey",
    }
    PARKED: ClassVar = "Failed"

    #: the model may be another account's; its name outlives it here
    model = models.ForeignKey(
        Model, on_delete=models.SET_NULL, null=True, related_name="+", editable=False
    )
    model_label = models.CharField(max_length=100, editable=False)
    model_account_id = models.CharField(max_length=10, editable=False)
    engine = models.CharField(_("engine"), max_length=64, editable=False)
    config = models.JSONField(default=dict, editable=False)  # the model's, when it was deployed
    flavor = models.CharField(_("flavor"), max_length=64)
    pool = models.CharField(_("resource pool"), max_length=64, default="public")
    replicas = models.PositiveSmallIntegerField(
        _("instances"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_REPLICAS)],
    )
    agency_id = models.UUIDField(null=True, editable=False)
    started_by_id = models.UUIDField(null=True, editable=False)  # whose rights the instances use
    started_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("service")
        indexes = [listing_index("service")]
        constraints = [
            models.UniqueConstraint(
                "account",
                "region",
                "name",
                name="service_name",
                violation_error_message=_("A service of this name exists already."),
            )
        ]

    @property
    def access_context(self) -> dict[str, str]:
        """What conditions on a service ask about."""
        pool = pools().get(self.pool)
        return {"modelarts:poolType": pool.kind if pool else "unknown"}


class Instance(models.Model):
    """One model server process. ``id`` is its attempt id in the compute backend."""

    class State(models.TextChoices):
        STARTING = "Starting", _("Starting")
        READY = "Ready", _("Ready")
        UNREADY = "Unready", _("Not ready")
        ENDING = "Ending", _("Ending")
        ENDED = "Ended", _("Ended")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()  # fencing token: grows within a service
    node = models.CharField(max_length=64, blank=True, default="")  # host that it was started on
    pool_id = models.CharField(max_length=64, blank=True, default="")
    environment_id = models.CharField(max_length=64, blank=True, default="")  # digest of the engine
    state = models.CharField(max_length=16, choices=State.choices, default=State.STARTING)
    stage = models.CharField(max_length=32, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    misses = models.PositiveSmallIntegerField(default=0)  # failed health checks in a row
    reason = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True)
    #: ``message`` as a code with parameters, where it is one
    said = models.JSONField(null=True)
    credential_until = models.DateTimeField(null=True)
    detail: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint("service", "number", name="service_instance_number")]
        indexes = [models.Index("service", "state", name="instance_by_state")]

    def __str__(self) -> str:
        return f"instance {self.number}"

    @property
    def told_message(self) -> str:
        """``message`` as a page writes it."""
        return codes.kept(self.message, self.said)


class Traffic(models.Model):
    """Requests of one service and status within some seconds, as a gateway reported them."""

    id = models.BigAutoField(primary_key=True)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    seconds = models.FloatField()  # length of the period
    status = models.PositiveSmallIntegerField()
    requests = models.PositiveIntegerField()
    busy = models.FloatField()  # summed duration of the requests, seconds
    histogram: models.JSONField[Any, Any] = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index("service", "at", name="traffic_by_time")]

    def __str__(self) -> str:
        return f"{self.requests} x {self.status} at {self.at}"

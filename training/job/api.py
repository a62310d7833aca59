"""The API of training jobs."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compute.api import LogMarkSerializer
from compute.catalog.flavors import DEFAULT_FLAVOR
from console.api.fields import Pairs, Tags
from console.api.viewsets import ResourceInput, ResourceViewSet, StatefulSerializer
from core.actor import Actor
from core.errors import ValidationFailed
from training import messages
from training.job import metrics, services, values
from training.job.checks import MAX_INPUTS, MAX_OUTPUTS, MAX_PAIRS, MAX_VALUE
from training.job.models import TrainingJob
from training.job.places import METHODS


class PlaceSerializer(serializers.Serializer[Any]):
    """An input or output: ``bucket`` and ``prefix``, or (inputs only) ``dataset_version``."""

    name = serializers.CharField(max_length=64)
    bucket = serializers.CharField(max_length=63, required=False)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    dataset_version = serializers.UUIDField(required=False)
    access_method = serializers.ChoiceField(
        METHODS,
        required=False,
        help_text="`parameter` (as if absent) passes the local path as `--name=path`, `env` as an "
        "environment variable of that name.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("bucket")) == bool(attrs.get("dataset_version")):
            raise serializers.ValidationError("Give either bucket and prefix, or dataset_version.")
        return attrs


class OutputSerializer(serializers.Serializer[Any]):
    """An output: where it is copied to, and how its local path reaches the program."""

    name = serializers.CharField(max_length=64)
    bucket = serializers.CharField(max_length=63)
    prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    access_method = serializers.ChoiceField(METHODS, required=False)
    predownload = serializers.BooleanField(
        required=False, help_text="Copy in what lies at the path before the program starts."
    )


def pairs(**options: Any) -> Pairs:
    """Names with values as accepted; `training.job.checks` says what is wrong with each."""
    return Pairs(max_length=MAX_PAIRS, longest=MAX_VALUE, required=False, **options)


def flags_and_pairs() -> Pairs:
    """As ``pairs``; null instead of a text is a flag without a value."""
    child = serializers.CharField(allow_blank=True, allow_null=True, max_length=MAX_VALUE)
    return pairs(child=child, help_text="Name to value; null passes the bare flag `--name`.")


class SecretSerializer(serializers.Serializer[Any]):
    """A secret value: only that it was set, and when."""

    name = serializers.CharField()
    set_at = serializers.DateTimeField()


class WarningSerializer(serializers.Serializer[Any]):
    """What is worth knowing about a job that was accepted all the same."""

    level = serializers.CharField()
    code = serializers.CharField()
    field = serializers.CharField()
    text = serializers.CharField()
    next = serializers.CharField()


OUTPUTS = "Without one: train_url at output/<job name>/ of the code bucket."
NONEMPTY = "Write to an output path that holds objects already; without it the answer is 409."
SHOWN = serializers.DictField(child=serializers.CharField(allow_null=True))
SECRETS = SecretSerializer(many=True)


class JobSerializer(StatefulSerializer):
    """A training job as sent."""

    code_bucket = serializers.CharField()
    code_prefix = serializers.CharField()
    boot_file = serializers.CharField()
    engine = serializers.CharField()
    flavor = serializers.CharField()
    pool = serializers.CharField()
    inputs = PlaceSerializer(many=True)
    outputs = OutputSerializer(many=True)
    hyperparameters = serializers.SerializerMethodField()
    environment = serializers.SerializerMethodField()
    secret_hyperparameters = serializers.SerializerMethodField()
    secret_environment = serializers.SerializerMethodField()
    max_duration = serializers.IntegerField()
    priority = serializers.IntegerField()
    parent_id = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)
    problems = WarningSerializer(many=True, help_text="Warnings of the acceptance.")
    detail = serializers.DictField(help_text="Exit code, exception, last lines and the next step.")

    @extend_schema_field(SHOWN)
    def get_hyperparameters(self, job: TrainingJob) -> dict[str, str | None]:
        return values.shown(job, "hyperparameters", self._reader())

    @extend_schema_field(SHOWN)
    def get_environment(self, job: TrainingJob) -> dict[str, str | None]:
        return values.shown(job, "environment", self._reader())

    @extend_schema_field(SECRETS)
    def get_secret_hyperparameters(self, job: TrainingJob) -> list[dict[str, Any]]:
        return self._secrets(job, "hyperparameters")

    @extend_schema_field(SECRETS)
    def get_secret_environment(self, job: TrainingJob) -> list[dict[str, Any]]:
        return self._secrets(job, "environment")

    def _reader(self) -> Actor | None:
        """Whose values may be shown: in a list no user's are."""
        view = self.context.get("view")
        return view.actor if view is not None and view.action != "list" else None

    @staticmethod
    def _secrets(job: TrainingJob, kind: str) -> list[dict[str, Any]]:
        rows = [{"name": n, "set_at": job.created_at} for n in values.secret_names(job, kind)]
        return SecretSerializer(rows, many=True).data  # type: ignore[return-value]


class JobInput(ResourceInput):
    """A training job as accepted."""

    code_bucket = serializers.CharField(max_length=63)
    code_prefix = serializers.CharField(max_length=1024, required=False, allow_blank=True)
    boot_file = serializers.CharField(max_length=255)
    engine = serializers.CharField(max_length=64)
    flavor = serializers.CharField(max_length=64, required=False, default=DEFAULT_FLAVOR)
    pool = serializers.CharField(max_length=64, required=False, default="public")
    inputs = PlaceSerializer(many=True, required=False, max_length=MAX_INPUTS)  # type: ignore[call-arg]
    outputs = OutputSerializer(many=True, required=False, max_length=MAX_OUTPUTS, help_text=OUTPUTS)  # type: ignore[call-arg]
    allow_nonempty_outputs = serializers.BooleanField(required=False, help_text=NONEMPTY)
    hyperparameters = flags_and_pairs()
    environment = pairs()
    secret_hyperparameters = pairs(write_only=True)
    secret_environment = pairs(write_only=True)
    max_duration = serializers.IntegerField(min_value=10, max_value=30 * 86400, required=False)
    priority = serializers.IntegerField(min_value=1, max_value=3, required=False)


class JobChange(serializers.Serializer[Any]):
    """What may change after a job was accepted."""

    description = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = Tags(required=False)
    priority = serializers.IntegerField(min_value=1, max_value=3, required=False)


class RerunInput(serializers.Serializer[Any]):
    """Body of rerun. A value given here takes the place of the job's own."""

    name = serializers.CharField(max_length=64, required=False, allow_blank=True)
    outputs = OutputSerializer(many=True, required=False, max_length=MAX_OUTPUTS)  # type: ignore[call-arg]
    allow_nonempty_outputs = serializers.BooleanField(required=False, help_text=NONEMPTY)
    hyperparameters = flags_and_pairs()
    environment = pairs()
    secret_hyperparameters = pairs(write_only=True)
    secret_environment = pairs(write_only=True)


class JobViewSet(ResourceViewSet):
    """Training jobs."""

    serializer_class = JobSerializer
    input_class = JobInput
    update_class = JobChange
    verb_inputs: ClassVar = {"rerun": RerunInput}
    declared: ClassVar = {
        **ResourceViewSet.declared,
        "logs": "resource:logs",
        "metrics": "resource:get",
    }
    query: ClassVar = {"logs": frozenset({"offset", "attempt", "limit"})}

    @extend_schema(
        operation_id="training_jobs_logs",
        parameters=[
            OpenApiParameter("offset", int),
            OpenApiParameter("attempt", int),
            OpenApiParameter("limit", int),
        ],
        responses=inline_serializer(
            "JobLog",
            {
                "text": serializers.CharField(),
                "marks": LogMarkSerializer(many=True),
                "next": serializers.IntegerField(),
                "eof": serializers.BooleanField(),
                "attempt": serializers.IntegerField(),
            },
        ),
    )
    def logs(self, request: Request, pk: str) -> Response:
        """A part of the log from ``offset`` (bytes); ``next`` is where to go on. What ``marks``
        does not name is the program's own text, whatever it looks like."""
        job = self.obj
        offset = _number(request, "offset", 0)
        limit = min(max(_number(request, "limit", 65536), 1), 1024 * 1024)
        return Response(
            services.log_chunk(job, _number(request, "attempt", 0) or None, offset, limit)
        )

    @extend_schema(
        operation_id="training_jobs_metrics",
        responses=inline_serializer(
            "JobMetrics",
            {
                "series": serializers.DictField(
                    child=serializers.ListField(
                        child=serializers.ListField(child=serializers.FloatField())
                    )
                ),
            },
        ),
    )
    def metrics(self, request: Request, pk: str) -> Response:
        """Numbers the job printed: name -> [[step, value], ...], thinned to 500 points."""
        series = services.metric_series(self.obj)
        return Response({"series": {k: metrics.thin(v) for k, v in series.items()}})


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise ValidationFailed.of(name, messages.WHOLE_NUMBER())
    return int(text)

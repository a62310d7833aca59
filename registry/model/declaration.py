"""What the kernel knows of models."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Ref, Role, Verb, crud, register
from registry.model import services, sources
from registry.model.models import Model, ModelGrant
from storage.bucket import queries as buckets


def refers_to(model: Model) -> Iterator[Ref]:
    """The training job and the directory that its files were taken from."""
    source = model.source
    if job := source.get("training_job"):
        yield Ref("job", sources.TRAINING_JOB, uuid.UUID(job))
    if name := source.get("bucket"):
        for pk in buckets.ids_of(model.account_id, [name]).values():
            yield Ref("source", buckets.TYPE, pk, source.get("prefix", ""))


SPEC = register(
    Declaration(
        model=Model,
        slug="models",
        iam="modelarts:model",
        label=_("Model"),
        label_plural=_("Models"),
        section="models",
        order=10,
        actions=crud("deploy", "export"),
        services=services,
        filters=("phase", "model_type", "engine"),
        verbs=(
            Verb(
                "deprecate",
                "modelarts:model:update",
                _("Deprecate"),
                services.deprecate,
                phases=frozenset({"Published"}),
            ),
            Verb(
                "restore",
                "modelarts:model:update",
                _("Restore"),
                services.restore,
                phases=frozenset({"Deprecated"}),
            ),
            Verb(
                "retry",
                "modelarts:model:update",
                _("Check again"),
                services.retry,
                phases=frozenset({"Failed"}),
                when=services.may_pass_now,
            ),
        ),
        events={
            "create": "addModel",
        },
        trail_type="model",
        quota=("models", 1000),
        share_operations=("list", "get", "deploy", "infer", "finetune"),
        share_phases=frozenset({Model.Phase.PUBLISHED}),
        grant=ModelGrant,
        #: a model holds its files by reference, so neither job nor bucket is held
        references={
            "job": Role(_("was registered from")),
            "source": Role(_("was taken from")),
        },
        refers_to=refers_to,
    )
)

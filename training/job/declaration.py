"""What the kernel knows of training jobs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Verb, crud, register
from training.job import references, services, upload
from training.job.models import TrainingJob

ACTIVE = frozenset({"Creating", "Pending", "Running", "Abnormal"})


SPEC = register(
    Declaration(
        model=TrainingJob,
        slug="training-jobs",
        iam="modelarts:trainJob",
        label=_("Training job"),
        label_plural=_("Training jobs"),
        section="train",
        order=10,
        actions=crud(logs="logExport"),
        services=services,
        filters=("phase", "engine", "pool"),
        prepare=lambda rows: rows.select_related("created_by"),
        verbs=(
            Verb(
                "stop",
                "modelarts:trainJobVersion:stop",
                _("Stop"),
                services.stop,
                phases=ACTIVE,
                event="stopModelArtsTrainVersion",
            ),
            Verb(
                "retry-upload",
                "modelarts:trainJob:create",
                _("Retry upload"),
                services.retry_upload,
                phases=frozenset({"Failed"}),
                when=upload.is_possible,
                event="retryUploadTrainJob",
            ),
            Verb(
                "rerun",
                "modelarts:trainJob:create",
                _("Rerun"),
                services.rerun,
                phases=TrainingJob.TERMINAL,
                event="createModelArtsTrainVersion",
                recorded=False,
            ),
        ),
        events={
            "create": "createModelArtsTrainJob",
            "delete": "deleteModelArtsTrainJob",
            "delete-rerun": "deleteModelArtsTrainVersion",
            "update": "updateModelArtsTrainDesc",
        },
        trail_type="ModelArtsTrainJob",
        quota=("training_jobs", 100),
        references=references.ROLES,
        refers_to=references.of,
    )
)

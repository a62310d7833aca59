"""What the kernel knows of datasets."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from core.registry import Declaration, Verb, register
from datasets.dataset import queries, services
from datasets.dataset.models import Dataset, DatasetGrant

SPEC = register(
    Declaration(
        model=Dataset,
        slug="datasets",
        iam="modelarts:dataset",
        label=_("Dataset"),
        label_plural=_("Datasets"),
        section="data",
        order=20,
        actions={
            "list": "listDatasets",
            "get": "getDataset",
            "create": "createDataset",
            "update": "updateDataset",
            "delete": "deleteDataset",
            "use": "use",
        },
        services=services,
        filters=("format",),
        verbs=(
            Verb(
                "add-version",
                "modelarts:dataset:createDatasetVersion",
                _("New version"),
                services.add_version,
                recorded=False,
            ),
        ),
        events={
            "use": "use",
        },
        trail_type="dataset",
        quota=("datasets", 100),
        share_operations=(
            "listDatasets",
            "getDataset",
            "listDatasetVersions",
            "getDatasetVersion",
            "use",
        ),
        grant=DatasetGrant,
        parts=queries.versions_of,
    )
)

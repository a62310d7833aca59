"""What others ask of datasets."""

from __future__ import annotations

from typing import Any

from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion


def versions_of(dataset: Dataset) -> Any:
    """Every version of a dataset whose visibility was decided, newest first."""
    rows = DatasetVersion.objects.unscoped("versions of a visible dataset")
    return rows.filter(dataset=dataset).select_related("dataset").order_by("-number")

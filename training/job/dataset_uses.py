"""Says which jobs read a dataset: to the datasets room, and through it to the sharing room."""

from __future__ import annotations

from collections.abc import Iterator

from datasets import uses
from datasets.dataset.models import Dataset
from datasets.version.models import DatasetVersion
from training.job.models import InputVersion, TrainingJob


@uses.register
def jobs_of(dataset: Dataset) -> Iterator[uses.Use]:
    """Every job that reads a version; unfinished ones may have to fetch it (again)."""
    versions = (
        DatasetVersion.objects.unscoped("uses of a visible dataset")
        .filter(dataset=dataset)
        .values_list("pk", flat=True)
    )
    rows = InputVersion.objects.filter(dataset_version_id__in=list(versions))
    for row in rows.select_related("job").order_by("-job__created_at"):
        over = row.job.phase in TrainingJob.TERMINAL
        yield uses.Use(
            row.job, row.dataset_version_id, "was trained on" if over else "trains on", not over
        )

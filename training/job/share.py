"""A job waits for data of another account as long as a share lets this account use it."""

from __future__ import annotations

from core import grants
from datasets import queries as datasets
from datasets.version.models import DatasetVersion
from training.job.models import TrainingJob

ENDED = "SHARE_ENDED"


def has_ended(job: TrainingJob) -> bool:
    """Whether the job reads a dataset version that it may not use any more: one that is gone can
    only be another account's, for one's own is not deleted while a job waits for it."""
    wanted = {item["dataset_version"] for item in job.inputs if item.get("dataset_version")}
    if not wanted:
        return False
    rows = DatasetVersion.objects.unscoped("whether the data of a waiting job is still shared")
    found = list(rows.filter(pk__in=wanted).select_related("dataset"))
    others = [one for one in found if one.account_id != job.account_id]
    return len(found) < len(wanted) or not all(
        grants.granted(job.account_id, one, datasets.USE) for one in others
    )

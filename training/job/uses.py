"""Says which unfinished jobs use a bucket path, so that a delete can name them."""

from __future__ import annotations

from collections.abc import Iterator

from storage import uses
from storage.bucket.models import Bucket
from training.job.models import TrainingJob


@uses.register
def job_uses(bucket: Bucket) -> Iterator[uses.Use]:
    """Code and inputs matter until they are fetched, outputs until they are verified."""
    jobs = (
        TrainingJob.objects.unscoped("uses of a visible bucket")
        .filter(account_id=bucket.account_id)
        .exclude(phase__in=TrainingJob.TERMINAL)
    )
    for job in jobs:
        if job.code_bucket == bucket.name:
            yield uses.Use(job, job.code_prefix, "reads its code from", blocks=True)
        for item in job.inputs:
            if item.get("bucket") == bucket.name:
                yield uses.Use(job, item["prefix"], "reads", blocks=True)
        for item in job.outputs:
            if item["bucket"] == bucket.name:
                yield uses.Use(job, item["prefix"], "writes to", blocks=True)

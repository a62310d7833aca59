"""Says what unfinished jobs use and own: to storage, and to the sweep of processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator

from compute import attempts
from storage import uses
from storage.bucket.models import Bucket
from training.job.models import Attempt, TrainingJob


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


@attempts.register
def attempts_of_jobs(ids: Collection[uuid.UUID]) -> attempts.Owned:
    """An attempt is wanted until it is closed; its log as long as the job is there."""
    rows = Attempt.objects.filter(pk__in=ids).values_list("pk", "ended_at")
    return attempts.owned((pk, ended is None) for pk, ended in rows)

"""Says which attempts jobs own: to the sweep of processes."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from compute import attempts
from training.job.models import Attempt


@attempts.register
def attempts_of_jobs(ids: Collection[uuid.UUID]) -> attempts.Owned:
    """An attempt is wanted until it is closed; its log as long as the job is there."""
    rows = Attempt.objects.filter(pk__in=ids).values_list("pk", "ended_at")
    return attempts.owned((pk, ended is None) for pk, ended in rows)

"""Output paths that unfinished jobs hold: one job writes to a path at a time."""

from __future__ import annotations

from itertools import pairwise

from django.db import IntegrityError
from django.db.models import Q

from core import references
from core.actor import current
from core.errors import Conflict
from training import messages
from training.job.models import OutputClaim, TrainingJob


def claim(job: TrainingJob) -> None:
    """Hold the output paths of a job; a path inside another path is as taken as the same path. One
    query and one insert, however many they are: on SQLite no other writer comes between.

    Raises: Conflict (OUTPUT_BUSY).
    """
    wanted = [
        OutputClaim(job=job, account_id=job.account_id, bucket=i["bucket"], prefix=i["prefix"])
        for i in job.outputs
    ]
    _refuse_own_overlap(wanted)
    # Asked of the database: an account may hold thousands. SQLite's LIKE ignores case, so what
    # comes back is looked at once more.
    near = Q()
    for claim in wanted:
        inside = Q(prefix__in=_above(claim.prefix)) | Q(prefix__startswith=claim.prefix)
        near |= Q(bucket=claim.bucket) & inside
    held = OutputClaim.objects.filter(near, account_id=job.account_id)
    for other in held.select_related("job") if wanted else ():
        for claim in wanted:
            if _overlap(claim, other):
                raise _busy(claim, other)
    try:
        OutputClaim.objects.bulk_create(wanted)
    except IntegrityError:
        raise Conflict(messages.OUTPUT_CLAIMED(job=job.name)) from None


def _busy(claim: OutputClaim, other: OutputClaim) -> Conflict:
    """The refusal of ``claim``: the job in its way is named to who may see it."""
    actor = current()
    seen = [(TrainingJob._meta.label_lower, other.job_id)]
    if actor.is_user and not references.visible(actor, seen):
        return Conflict(messages.OUTPUT_BUSY_UNSEEN(path=claim))
    return Conflict(messages.OUTPUT_BUSY(job=other.job.name, path=other))


def _refuse_own_overlap(wanted: list[OutputClaim]) -> None:
    """Two outputs of one job, one inside the other: in the order of their paths whatever lies in a
    directory follows it. Raises Conflict."""
    ordered = sorted(wanted, key=lambda claim: (claim.bucket, claim.prefix))
    for one, following in pairwise(ordered):
        if _overlap(one, following):
            raise Conflict(messages.OUTPUTS_OVERLAP(one=one))


def _overlap(one: OutputClaim, other: OutputClaim) -> bool:
    return one.bucket == other.bucket and (
        one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    )


def _above(prefix: str) -> list[str]:
    """A directory and every directory it lies in: ``a/b/`` -> ``["", "a/", "a/b/"]``."""
    return [prefix[:end] for end in range(len(prefix) + 1) if not end or prefix[end - 1] == "/"]

"""Jobs of an installation that was restored from a backup: what ran then is not ours."""

from __future__ import annotations

from training import messages
from training.job.ending import end
from training.job.models import TrainingJob

REASON = "RESTORED"
Phase = TrainingJob.Phase
RAN = (Phase.RUNNING, Phase.TERMINATING, Phase.ABNORMAL)


def settle(when: str) -> int:
    """End every job that had an attempt when the backup of ``when`` was made; returns how many.

    Jobs that waited go on waiting. No process is looked at: an attempt of the same id may be alive
    in the installation that the backup was made from.
    """
    rows = TrainingJob.objects.unscoped("restore").filter(phase__in=RAN)
    for job in rows:
        told_to_stop = job.desired == "stopped" or job.phase == Phase.TERMINATING
        end(
            job,
            Phase.TERMINATED if told_to_stop else Phase.FAILED,
            REASON,
            messages.RESTORED(when=when),
        )
    return len(rows)

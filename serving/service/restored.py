"""Services of an installation that was restored from a backup: their instances are not ours."""

from __future__ import annotations

from django.utils import timezone

from accounts import services as accounts
from core import actor as actors
from core import states
from core.codes import joined
from serving import messages
from serving.service.instances import bound_to
from serving.service.models import Instance, Service

REASON = "RESTORED"
Phase = Service.Phase
RAN = (Phase.DEPLOYING, Phase.RUNNING, Phase.CONCERNING, Phase.STOPPING)


def settle(when: str) -> int:
    """Close every instance that ran when the backup of ``when`` was made; returns of how many
    services. Their reconciler starts new ones, or finds a service that was to stop stopped.

    No process is looked at: an instance of the same id may be alive in the installation that the
    backup was made from. A closed instance carries no reason, so it counts as no crash.
    """
    rows = Service.objects.unscoped("restore").filter(phase__in=RAN)
    text = messages.RESTORED(when=when)
    for service in rows:
        Instance.objects.filter(service=service, ended_at=None).update(
            state=Instance.State.ENDED,
            ended_at=timezone.now(),
            stage="",
            message=text,
            said=text.data(),
        )
        accounts.revoke_credentials(bound_to(service))
        stopped = service.desired == "stopped" or service.phase == Phase.STOPPING
        if stopped and service.phase != Phase.STOPPING:
            _move(service, Phase.STOPPING, text)
        if stopped:
            _move(service, Phase.STOPPED, joined([text, messages.RESTORED_STOPPED()]))
        else:
            _move(service, Phase.CONCERNING, joined([text, messages.RESTORED_ANEW()]))
    return len(rows)


def _move(service: Service, to: str, message: str) -> None:
    states.transition(
        service,
        to,
        actor=actors.system("restore"),
        reason=REASON,
        message=message,
        next_look_at=timezone.now(),
        observed_at=timezone.now(),
    )

"""A service from another account's model runs as long as a share lets this account deploy it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from core import actor as actors
from core import grants, states
from serving import messages
from serving.service.models import Service
from sharing import trail

DEPLOY = "modelarts:model:deploy"
ENDED = "SHARE_ENDED"


def has_ended(service: Service) -> bool:
    """Whether the model is another account's, and nothing in force allows to deploy it; one query
    where it is."""
    if service.model_account_id == service.account_id:
        return False
    return service.model is None or not grants.granted(service.account_id, service.model, DEPLOY)


def stop(service: Service, actor: actors.Actor) -> None:
    """Begin to stop it, and tell the account that runs it why."""
    said = messages.SHARE_ENDED(model=service.model_label)
    with transaction.atomic():
        states.transition(
            service,
            Service.Phase.STOPPING,
            actor=actor,
            reason=ENDED,
            message=said,
            detail={"next": said.next},
            desired="stopped",
            generation=service.generation + 1,
        )
        trail.share_ended(actor, service, said)


def last_words(service: Service) -> dict[str, Any]:
    """What a service that has stopped says: why, where it was not its own account's wish."""
    if service.reason != ENDED:
        return {"message": messages.STOPPED_FOR_NOW()}
    return {"message": messages.SHARE_STOPPED(model=service.model_label), "reason": ENDED}

"""A service from another account's model runs as long as a share lets this account deploy it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from core import actor as actors
from core import grants, states
from serving.service.models import Service
from sharing import trail

DEPLOY = "modelarts:model:deploy"
ENDED = "SHARE_ENDED"
NEXT = "Ask the owner of the model to share it again, or deploy a model of your own."


def has_ended(service: Service) -> bool:
    """Whether the model is another account's, and nothing in force allows to deploy it; one query
    where it is."""
    if service.model_account_id == service.account_id:
        return False
    return service.model is None or not grants.granted(service.account_id, service.model, DEPLOY)


def stop(service: Service, actor: actors.Actor) -> None:
    """Begin to stop it, and tell the account that runs it why."""
    text = (
        f"Model “{service.model_label}” is no longer shared with this account. "
        "Open requests are finished, then the instances end."
    )
    with transaction.atomic():
        states.transition(
            service,
            Service.Phase.STOPPING,
            actor=actor,
            reason=ENDED,
            message=text,
            detail={"next": NEXT},
            desired="stopped",
            generation=service.generation + 1,
        )
        trail.share_ended(actor, service, text)


def last_words(service: Service) -> dict[str, Any]:
    """What a service that has stopped says: why, where it was not its own account's wish."""
    if service.reason != ENDED:
        return {"message": "Stopped; start it again at any time."}
    text = f"Stopped: model “{service.model_label}” is no longer shared with this account."
    return {"message": text, "reason": ENDED, "next": NEXT}

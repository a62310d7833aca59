"""``{% load service %}``: words about services and instances."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.utils.translation import gettext as _

from core import access, printed
from core.actor import Actor
from registry.model.services import new_version_url
from serving.service import probe
from serving.service.models import Instance, Service

register = template.Library()

TONES = {
    "Starting": "blue",
    "Ready": "green",
    "Unready": "yellow",
    "Ending": "yellow",
    "Ended": "grey",
}


#: beginnings of lines in which the model server, inside the sandbox, says how far it is
OWN_LINES = ("MODELYARD_STATUS ", "MODELYARD_LOAD_FAILED ")

#: reasons that lie in the package: only another version of the model mends them
IN_PACKAGE = probe.DIAGNOSES | {
    "NO_MODULE",
    "LOAD_FAILED",
    "FIRST_INFERENCE",
    "HEALTH_LOST",
    "SERVICE_EXITED",
    "COMMAND_NOT_FOUND",
    "COMMAND_NOT_EXECUTABLE",
}


@register.simple_tag(takes_context=True)
def service_failure(context: Context, service: Service) -> dict[str, Any] | None:
    """The card of a service that failed, or whose instances end: sentence, proof, next step.
    None for others."""
    said = {**(service.detail or {}), "next": service.told_next}
    told: dict[str, Any] = {"message": service.told_message, "detail": said}
    actor = context["request"].actor
    told = printed.withhold(actor, service, told)
    detail = told["detail"]
    troubled = service.phase == Service.Phase.CONCERNING and detail.get("instance")
    if service.phase != Service.Phase.FAILED and not troubled:
        return None
    # What the probes found ends the model server with a code of the platform, not of the program.
    ended = None if service.reason in probe.DIAGNOSES else detail.get("exit_code")
    proof = [
        (_("Exit code"), ended),
        (_("Memory"), _("ended by the kernel at the memory limit") if detail.get("oom") else None),
    ]
    proof += _seen(detail.get("proof") or {})
    return {
        "title": _("Instances end") if troubled else _("The service failed"),
        "text": told["message"],
        "reason": service.reason,
        "proof": [{"label": n, "html": str(v)} for n, v in proof if v not in (None, "")],
        "code": "\n".join(
            line for line in detail.get("log_tail") or [] if not line.startswith(OWN_LINES)
        ),
        "steps": _steps(service, detail, actor),
    }


def _steps(service: Service, detail: dict[str, Any], actor: Actor) -> list[dict[str, Any]]:
    """What to do, with the way there; ``detail`` is what the reader may know of the service's."""
    steps: list[dict[str, Any]] = [{"text": detail["next"]}] if detail.get("next") else []
    if service.reason not in IN_PACKAGE:
        return steps
    step: dict[str, Any] = {
        "text": _(
            "A service keeps its model: the corrected package is a new version of the model, and "
            "that is deployed as a new service."
        )
    }
    model = service.model
    own = model is not None and service.model_account_id == service.account_id
    if model and own and access.decide(actor, "modelarts:model:create").allowed:
        step |= {
            "url": new_version_url(model),
            "label": _("Register a corrected version"),
            "icon": "package",
            "method": "get",
        }
    return [*steps, step]


def _seen(proof: dict[str, Any]) -> list[tuple[str, Any]]:
    """What was seen of a package's own server: which port it should have, what listens."""
    if not proof:
        return []
    sockets = ", ".join(proof.get("listening") or []) or _("none")
    return [
        (_("Declared port"), proof.get("port")),
        (_("Listening sockets"), sockets),
        (
            _("Address tried"),
            _("%(address)s, from outside the program's own loopback") % {"address": proof["tried"]}
            if proof.get("tried")
            else None,
        ),
        (_("Last answer"), proof.get("answer")),
    ]


@register.filter
def instance_tone(instance: Instance) -> str:
    """Colour of an instance's state; one that ended with a reason is red."""
    return "red" if instance.ended_at and instance.reason else TONES[instance.state]


@register.filter
def ready_after(instance: Instance) -> float | None:
    """Seconds from start to ready."""
    if instance.ready_at is None:
        return None
    return (instance.ready_at - instance.started_at).total_seconds()

"""``{% load service %}``: words about services and instances."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import gettext as _

from serving.service.models import Instance, Service

register = template.Library()

TONES = {
    "Starting": "blue",
    "Ready": "green",
    "Unready": "yellow",
    "Ending": "yellow",
    "Ended": "grey",
}


@register.simple_tag
def service_failure(service: Service) -> dict[str, Any] | None:
    """The card of a service that failed, or whose instances end: sentence, proof, next step.
    None for others."""
    detail = service.detail or {}
    troubled = service.phase == Service.Phase.CONCERNING and detail.get("instance")
    if service.phase != Service.Phase.FAILED and not troubled:
        return None
    proof = [
        (_("Exit code"), detail.get("exit_code")),
        (_("Memory"), _("ended by the kernel at the memory limit") if detail.get("oom") else None),
    ]
    return {
        "title": _("Instances end") if troubled else _("The service failed"),
        "text": service.message,
        "reason": service.reason,
        "proof": [{"label": n, "html": str(v)} for n, v in proof if v not in (None, "")],
        "code": "\n".join(detail.get("log_tail") or []),
        "steps": [{"text": detail["next"]}] if detail.get("next") else [],
    }


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

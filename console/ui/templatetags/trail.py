"""``{% load trail %}``: rows of the audit trail in words."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import registry
from core.models import AuditRecord

register = template.Library()

TRANSITION = "platform:state:transition"
#: events that no declaration knows
WORDS = {
    "accessDenied": gettext_lazy("Access denied"),
    "attachPolicy": gettext_lazy("Attach policy"),
    "changePassword": gettext_lazy("Change password"),
    "createAccount": gettext_lazy("Create account"),
    "createApiToken": gettext_lazy("Create API token"),
    "deleteApiToken": gettext_lazy("Delete API token"),
    "deleteObject": gettext_lazy("Delete object"),
    "detachPolicy": gettext_lazy("Detach policy"),
    "endSession": gettext_lazy("End session"),
    "endSessions": gettext_lazy("End sessions"),
    "login": gettext_lazy("Sign in"),
    "putObject": gettext_lazy("Upload object"),
    "setUp": gettext_lazy("Set up the installation"),
    "updateQuotas": gettext_lazy("Change quotas"),
    "updateStrictMode": gettext_lazy("Change strict mode"),
}
DONE = {
    "create": gettext_lazy("Create"),
    "update": gettext_lazy("Change"),
    "delete": gettext_lazy("Delete"),
}
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@register.filter
def event_words(record: AuditRecord) -> str:
    """What happened: the words of the type's own button, or the event's name taken apart."""
    if record.event in WORDS:
        return str(WORDS[record.event])
    spec = _spec(record)
    if spec is not None and record.action == TRANSITION:
        return _("%(thing)s: new status") % {"thing": spec.label}
    for name, done in DONE.items() if spec is not None else ():
        if spec.event(name) == record.event:
            return f"{done}: {spec.label}"
    for verb in spec.verbs if spec is not None else ():
        if verb.event == record.event:
            return f"{verb.label}: {spec.label}"
    return _CAPITAL.sub(" ", record.event).capitalize()


@register.filter
def moved_to(record: AuditRecord) -> dict[str, str] | None:
    """The phase that a transition led to, with its colour; None for other rows."""
    spec = _spec(record)
    if spec is None or record.action != TRANSITION or record.result != AuditRecord.Result.OK:
        return None
    model: Any = spec.model
    phase = str((record.after or {}).get("phase", ""))
    label = dict(model.Phase.choices).get(phase, phase)
    return {"label": str(label), "tone": model.TONES.get(phase, "grey")}


def _spec(record: AuditRecord) -> registry.ResourceSpec | None:
    try:
        return registry.spec_by_type(record.resource_type)
    except KeyError:
        return None

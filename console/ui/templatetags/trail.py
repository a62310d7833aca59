"""``{% load trail %}``: rows of the audit trail in words."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import event_names, registry
from core.models import AuditRecord
from core.registry import CRUD

register = template.Library()

#: events that no declaration knows
WORDS = {
    "accessDenied": gettext_lazy("Access denied"),
    "attachPolicy": gettext_lazy("Attach policy"),
    "changePassword": gettext_lazy("Change password"),
    "createAccount": gettext_lazy("Create account"),
    "buildEngine": gettext_lazy("Build engine"),
    "createApiToken": gettext_lazy("Create API token"),
    "deleteApiToken": gettext_lazy("Delete API token"),
    "deleteObject": gettext_lazy("Delete object"),
    "detachPolicy": gettext_lazy("Detach policy"),
    "endSession": gettext_lazy("End session"),
    "endSessions": gettext_lazy("End sessions"),
    "login": gettext_lazy("Sign in"),
    "logout": gettext_lazy("Sign out"),
    "putObject": gettext_lazy("Upload object"),
    "setUp": gettext_lazy("Set up the installation"),
    "updateQuotas": gettext_lazy("Change quotas"),
    "updateStrictMode": gettext_lazy("Change strict mode"),
}
#: the same where no button of the type of the row has this event
ELSEWHERE = {
    "acceptResourceShareInvitation": gettext_lazy("Accept resource share invitation"),
    "addUserToGroup": gettext_lazy("Add user to group"),
    "associateResourceShare": gettext_lazy("Associate resource share"),
    "deleteResourceShare": gettext_lazy("Delete resource share"),
    "disassociateResourceShare": gettext_lazy("Disassociate resource share"),
    "freeSlot": gettext_lazy("Free slot"),
    "inviteResourceShare": gettext_lazy("Invite resource share"),
    "leaveResourceShare": gettext_lazy("Leave resource share"),
    "rejectResourceShareInvitation": gettext_lazy("Reject resource share invitation"),
    "removeUserFromGroup": gettext_lazy("Remove user from group"),
    "restoreInstallation": gettext_lazy("Restore installation"),
    "resumeAccount": gettext_lazy("Resume account"),
    "shareEnded": gettext_lazy("Share ended"),
    "suspendAccount": gettext_lazy("Suspend account"),
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
    event = event_name(record)
    if event in WORDS:
        return str(WORDS[event])
    spec = _spec(record)
    if spec is None:
        return _taken_apart(event)
    if event == event_names.STATE_CHANGED:
        return _("%(thing)s: new status") % {"thing": spec.label}
    for name in {**CRUD, **spec.events}:
        done = DONE.get(name.partition("-")[0])
        if done is not None and spec.event(name) == event:
            return f"{done}: {spec.label}"
    for verb in spec.verbs:
        if verb.event == event and verb.after.items() <= (record.after or {}).items():
            return f"{verb.label}: {spec.label}"
    return _taken_apart(event)


def _taken_apart(event: str) -> str:
    return str(ELSEWHERE.get(event) or _CAPITAL.sub(" ", event).capitalize())


@register.filter
def event_name(record: AuditRecord) -> str:
    """The event by its present name."""
    return event_names.present(record.event, record.action)


@register.filter
def moved_to(record: AuditRecord) -> dict[str, str] | None:
    """The phase that a transition led to, with its colour; None for other rows."""
    spec = _spec(record)
    moved = record.action == event_names.TRANSITION and record.result == AuditRecord.Result.OK
    if spec is None or not moved:
        return None
    model: Any = spec.model
    phase = str((record.after or {}).get("phase", ""))
    label = dict(model.Phase.choices).get(phase, phase)
    return {"label": str(label), "tone": model.TONES.get(phase, "grey")}


def _spec(record: AuditRecord) -> registry.Declaration | None:
    try:
        return registry.spec_by_type(record.resource_type)
    except KeyError:
        return None

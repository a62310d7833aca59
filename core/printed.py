"""What a program printed, kept from readers without the right to its log.

A failure is told in the program's own last lines, its exception, and sentences made of them. Who
may read the object but not its log gets the code of the reason instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from core import access, registry
from core.actor import Actor
from core.models import Event

#: keys of a ``detail`` that repeat a log; ``quotes_log`` says that the sentence beside it does
KEYS = frozenset({"log_tail", "exception", "location", "quotes_log"})


def quoted(detail: Mapping[str, Any] | None) -> bool:
    """Whether a detail, and the sentence it came with, repeat what a program printed."""
    return any((detail or {}).get(key) for key in KEYS)


def readable(actor: Actor, obj: Any) -> bool:
    """Whether ``actor`` may read what ``obj`` printed; what keeps no log prints nothing."""
    spec = registry.spec_of(obj)
    return "logs" not in spec.actions or access.decide(actor, spec.action("logs"), obj).allowed


def repeats(event: Event) -> bool:
    """Whether an event repeats what a program printed."""
    return quoted(event.detail)


def withhold(actor: Actor | None, obj: Any, told: dict[str, Any]) -> dict[str, Any]:
    """``told`` (``message``, ``next``, ``detail`` of ``obj``) as this reader may have it; None is
    an unknown reader."""
    if not quoted(obj.detail) or (actor is not None and readable(actor, obj)):
        return told
    right = registry.spec_of(obj).action("logs")
    ask = _("The log says more. Ask your administrator for the right %(right)s.") % {"right": right}
    said = {**told}
    if obj.reason and "message" in told:
        said["message"] = sentence(obj.reason)
    if obj.reason and told.get("next"):
        said["next"] = ask
    if "detail" in told:
        kept = {k: v for k, v in told["detail"].items() if k not in KEYS}
        said["detail"] = {**kept, "next": ask} if kept.get("next") else kept
    return said


def sentence(reason: str) -> str:
    """In place of a sentence that repeats the log."""
    return _("Ended with the reason %(reason)s.") % {"reason": reason}

"""Rules of sharing that no policy expresses: who shares owns, and who gives a right holds it.

``Target.change`` of a share unit holds ``things`` (rows that would be shared) or ``rights``
(pairs of an action and the row on which the unit would give it).
"""

from __future__ import annotations

from core import access, registry
from core.access import Refusal, Target
from core.actor import Actor
from sharing import messages

CREATE, UPDATE = "resource_share:unit:create", "resource_share:unit:update"


def register() -> None:
    """Tell the one decision."""
    for action in (CREATE, UPDATE):
        access.guard(action, _sharing)


def _sharing(actor: Actor, target: Target) -> Refusal | None:
    for thing in target.change.get("things", ()):
        if thing.account_id != actor.account_id:
            label = registry.spec_of(thing).label
            return Refusal("owner", messages.NOT_OWNER(label=label, thing=thing))
    for action, thing in target.change.get("rights", ()):
        decision = access.decide(actor, action, thing)
        if not decision.allowed:
            return Refusal(
                "delegation",
                messages.RIGHT_NOT_HELD(thing=thing, action=action, reason=decision.reason),
                decision.missing,
            )
    return None

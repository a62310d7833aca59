"""Answers to invitations: the consumer's side. The owner invites through their unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from core import access, audit, services, states
from core.actor import Actor
from core.errors import Conflict
from sharing import grants, messages
from sharing.invitation.expiry import lapse
from sharing.invitation.models import Ended, Invitation, end_association
from sharing.trail import tell
from sharing.unit import members
from sharing.unit.models import ShareUnit, UnitPrincipal

Phase = Invitation.Phase
State = UnitPrincipal.State


def accept(actor: Actor, invitation: Invitation) -> Invitation:
    """Accept; a second accept answers the same and does nothing.

    Raises:
        AccessDenied, Conflict (rejected, expired, cancelled or left; carries the phase).
    """
    lapse(pk=invitation.pk)
    try:
        return services.perform(actor, invitation, "accept", {})
    except Conflict:
        access.authorize(actor, "resource_share:invitation:accept", invitation)
        fresh = services.visible(Invitation, actor, pk=invitation.pk)
        if fresh.is_in_force:
            return fresh
        raise


def handle_accept(actor: Actor, invitation: Invitation, data: Mapping[str, Any]) -> Invitation:
    """Verb handler: PENDING -> ACCEPTED, the association and its grants in one transaction."""
    unit = _unit(invitation)
    if unit.phase != ShareUnit.Phase.ACTIVE or unit.is_over:
        raise states.conflict(invitation, messages.UNIT_ENDED(unit=unit))
    principal = _principal(invitation, State.ASSOCIATING)
    states.transition(invitation, Phase.ACCEPTED, actor=actor, answered_at=timezone.now())
    principal.become(State.ASSOCIATED)
    principal.save()
    members.give_all(unit, invitation.account_id)
    said = messages.ACCOUNT_ACCEPTED(account=invitation.account_id)
    _tell_owner(actor, unit, "acceptResourceShareInvitation", "accept", said)
    return invitation


def handle_reject(actor: Actor, invitation: Invitation, data: Mapping[str, Any]) -> Invitation:
    """Verb handler: PENDING -> REJECTED; ``data["reason"]`` (at most 200 characters) is told."""
    reason = audit.one_line(str(data.get("reason") or ""), 200)
    unit = _unit(invitation)
    principal = _principal(invitation, State.ASSOCIATING)
    states.transition(
        invitation,
        Phase.REJECTED,
        actor=actor,
        reason="CONSUMER",
        message=reason,
        answered_at=timezone.now(),
    )
    principal.become(State.DISASSOCIATED, reason)
    principal.save()
    rejected = messages.ACCOUNT_REJECTED_WHY if reason else messages.ACCOUNT_REJECTED
    said = rejected(account=invitation.account_id, reason=reason)
    _tell_owner(actor, unit, "rejectResourceShareInvitation", "reject", said)
    return invitation


def handle_leave(actor: Actor, invitation: Invitation, data: Mapping[str, Any]) -> Invitation:
    """Verb handler: give an accepted share back. The owner need not agree; what was made with it
    stays with who made it."""
    unit = _unit(invitation)
    principal = _principal(invitation, State.ASSOCIATED)
    principal.become(State.DISASSOCIATED, messages.ACCOUNT_LEFT(account=invitation.account_id))
    principal.save()
    grants.take(unit, account_id=invitation.account_id)
    end_association(invitation.pk, Ended.LEFT)
    states.note(invitation, "left", messages.LEFT(), actor=actor)
    invitation.refresh_from_db(fields=["secondary", "version"])
    said = messages.ACCOUNT_LEFT_IT(account=invitation.account_id)
    _tell_owner(actor, unit, "leaveResourceShare", "leave", said)
    return invitation


def handle_block(actor: Actor, invitation: Invitation, data: Mapping[str, Any]) -> Invitation:
    """Verb handler: block the account that invites; whatever of it waits is rejected."""
    from sharing.block import services as blocks

    blocks.create(actor, {"name": invitation.owner_account_id})
    invitation.refresh_from_db()
    return invitation


def _unit(invitation: Invitation) -> ShareUnit:
    """The unit's row, locked after the invitation's: the order of the whole room."""
    rows = ShareUnit.objects.unscoped("the consumer answers the owner's question")
    return rows.select_for_update().get(pk=invitation.unit_id)  # type: ignore[no-any-return]


def _principal(invitation: Invitation, state: str) -> UnitPrincipal:
    if invitation.is_late and invitation.phase == Phase.PENDING:
        raise Conflict(
            messages.INVITATION_EXPIRED(invitation=invitation),
            extra={"phase": Phase.EXPIRED, "legal_actions": []},
        )
    row = (
        UnitPrincipal.objects.select_for_update().filter(invitation=invitation, state=state).first()
    )
    if row is None:
        raise Conflict(
            messages.NO_LONGER_PART(invitation=invitation),
            extra={"phase": invitation.phase, "legal_actions": []},
        )
    return row


def _tell_owner(actor: Actor, unit: ShareUnit, event: str, verb: str, message: str) -> None:
    kind = "resource" if verb == "leave" else "invitation"
    tell(
        actor,
        unit.account_id,
        event=event,
        action=f"resource_share:{kind}:{verb}",
        target=unit,
        message=message,
    )

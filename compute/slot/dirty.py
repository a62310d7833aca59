"""Capacity that is held back because processes did not go away: for the operator to look at."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from compute import local, messages
from compute.slot.models import PoolLock, Slot
from core import access, audit
from core.actor import Actor
from core.errors import Conflict, NotFound

ACTION = "modelarts:slot:free"


@dataclass(frozen=True, slots=True)
class Held:
    """A dirty slot and the processes of its attempt that still live on this host."""

    slot: Slot
    pids: tuple[int, ...]


def held(actor: Actor) -> list[Held]:
    """Every dirty slot, oldest first. Raises AccessDenied: for the operator's main account."""
    access.authorize(actor, ACTION)
    rows = Slot.objects.filter(dirty=True).select_related("account").order_by("taken_at")
    backend = local.current()
    return [Held(slot, tuple(backend.processes(str(slot.attempt)))) for slot in rows]


def free(actor: Actor, attempt: uuid.UUID) -> None:
    """Give a dirty slot back.

    Raises:
        AccessDenied, NotFound (no dirty slot of this attempt).
        Conflict: processes of the attempt still live; it names them.
    """
    with access.writing(actor):
        decision = access.authorize(actor, ACTION)
        slot = Slot.objects.select_for_update().filter(attempt=attempt, dirty=True).first()
        if slot is None:
            raise NotFound()
        alive = local.current().processes(str(attempt))
        if alive:
            names = ", ".join(str(pid) for pid in alive)
            raise Conflict(messages.SLOT_IN_USE(names=names), extra={"pids": alive})
        PoolLock.objects.select_for_update().filter(pool=slot.pool).first()
        slot.delete()
        audit.record(
            actor,
            event="freeSlot",
            action=ACTION,
            account_id=actor.account_id,
            resource_type="compute.slot",
            resource_id=str(attempt),
            resource_name=f"{slot.flavor} in {slot.pool}",
            decision_id=decision.id,
            before={
                "flavor": slot.flavor,
                "pool": slot.pool,
                "resource_type": slot.resource_type,
                "resource_id": slot.resource_id,
            },
        )

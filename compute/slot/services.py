"""Taking and giving back capacity."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import F

from compute import messages
from compute.catalog.flavors import FLAVORS, MIB, Flavor, Pool, pools
from compute.sandbox.spec import Limits
from compute.slot import room
from compute.slot.models import PoolLock, Slot
from compute.slot.room import Room


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Taken and total capacity of a pool; the disk is the host's."""

    pool: Pool
    cpus: float
    memory_mb: int
    slots: int
    room: Room

    @property
    def free_cpus(self) -> float:
        return max(0.0, self.pool.cpus - self.cpus)

    def disk_of(self, flavor: Flavor) -> int:
        """MiB of disk that the flavor's program gets here."""
        return room.share(self.pool, flavor, self.room).disk

    @property
    def free_memory_mb(self) -> int:
        return max(0, self.pool.memory_mb - self.memory_mb)


def use(pool_id: str) -> PoolUse:
    """How full a pool is. Raises KeyError for an unknown pool."""
    return _use(pools()[pool_id], _all())


def _all() -> list[Any]:
    """What every slot of the host holds: a disk is promised to each, whatever its pool."""
    rows = Slot.objects.values_list("attempt", "pool", "cpus", "memory_mb", "room_mb", named=True)
    return list(rows)


def _use(pool: Pool, slots: list[Any]) -> PoolUse:
    taken = [slot for slot in slots if slot.pool == pool.id]
    cpus, memory = sum(one.cpus for one in taken), sum(one.memory_mb for one in taken)
    return PoolUse(pool, cpus, memory, len(taken), room.now(slots))


def take(
    pool_id: str, flavor_id: str, attempt: uuid.UUID, obj: Any, enough_mb: int = 0
) -> Slot | None:
    """A slot for ``attempt``, or None while the pool is full. Idempotent by attempt.

    ``enough_mb``: MiB of disk that are enough for it; 0: what the flavor has.
    """
    flavor = FLAVORS[flavor_id]
    with transaction.atomic(savepoint=False):
        mine = PoolLock.objects.filter(pool=pool_id)
        if not mine.update(turn=F("turn") + 1):  # takes the row's lock
            PoolLock.objects.get_or_create(pool=pool_id)
            mine.update(turn=F("turn") + 1)
        slots = _all()
        if any(slot.attempt == attempt for slot in slots):
            return Slot.objects.get(attempt=attempt)
        now = _use(pools()[pool_id], slots)
        share = room.share(now.pool, flavor, now.room, enough_mb)
        if (
            now.free_cpus < flavor.cpus
            or now.free_memory_mb < flavor.memory_mb
            or now.room.free < share.room
        ):
            return None
        return Slot.objects.create(
            attempt=attempt,
            pool=pool_id,
            flavor=flavor_id,
            cpus=flavor.cpus,
            memory_mb=flavor.memory_mb,
            disk_mb=share.disk,
            room_mb=share.room,
            account_id=obj.account_id,
            resource_type=obj._meta.label_lower,
            resource_id=str(obj.pk),
        )


def release(attempt: uuid.UUID) -> None:
    """Give the capacity back. Releasing twice is fine."""
    rows = Slot.objects.filter(attempt=attempt, dirty=False)
    rows._raw_delete(rows.db)  # nothing refers to a slot, so there is nothing to collect first


def forget_all() -> None:
    """Give back everything, also what is held back: after a restore no slot has a process here."""
    Slot.objects.all().delete()


def mark_dirty(attempt: uuid.UUID) -> None:
    """Keep the capacity out of use: something of this attempt would not go away."""
    Slot.objects.filter(attempt=attempt).update(dirty=True)


def shortage(pool_id: str, flavor_id: str, enough_mb: int = 0) -> str:
    """A sentence saying what is missing, "" where the flavor fits now."""
    flavor, now = FLAVORS[flavor_id], use(pool_id)
    if flavor.cpus > now.pool.cpus or flavor.memory_mb > now.pool.memory_mb:
        return messages.NEVER_FITS(
            flavor=flavor.label,
            pool=now.pool.label,
            cpus=now.pool.cpus,
            memory=now.pool.memory_mb / 1024,
        )
    if flavor.cpus > now.free_cpus:
        return messages.NEEDS_CPUS(cpus=flavor.cpus, free=now.free_cpus, all=now.pool.cpus)
    if flavor.memory_mb > now.free_memory_mb:
        return messages.NEEDS_MEMORY(
            memory=flavor.memory_mb / 1024,
            free=now.free_memory_mb / 1024,
            all=now.pool.memory_mb / 1024,
        )
    share = room.share(now.pool, flavor, now.room, enough_mb)
    if share.room > now.room.free:
        return messages.NEEDS_DISK(room=share.room, free=now.room.free, all=now.room.capacity)
    return ""


def disk_lacking(pool_id: str, flavor_id: str, enough_mb: int = 0) -> int:
    """Bytes of disk that must become free before the flavor fits; 0 where disk is not short."""
    now = use(pool_id)
    share = room.share(now.pool, FLAVORS[flavor_id], now.room, enough_mb)
    return max(0, share.room - now.room.free) * MIB


def limits_of(attempt: uuid.UUID, flavor_id: str, *, wall_seconds: int = 0) -> Limits:
    """What the program of ``attempt`` may use: its flavor's limits, with the disk of its slot."""
    limits = FLAVORS[flavor_id].limits(wall_seconds=wall_seconds)
    slot = Slot.objects.filter(attempt=attempt).only("disk_mb").first()
    return replace(limits, disk_mb=slot.disk_mb) if slot is not None and slot.disk_mb else limits

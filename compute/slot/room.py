"""Disk of this host that may still be promised to attempts.

Every slot promises a disk. What its attempt has taken already is no longer free; the rest is, and
belongs to it. So a new promise fits if it is covered by what is free, without what others were
promised and have not taken, and without the platform's reserve.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from compute import local
from compute.catalog.flavors import MIB, Flavor, Pool
from compute.runner import volume
from storage import room

LEAST_MB = 256  # no attempt gets a smaller disk than this, unless its flavor says so
STEP_MB = 64  # sizes are rounded down to this


@dataclass(frozen=True, slots=True)
class Room:
    """In MiB. capacity: what attempts may hold in all; promised: what those with a slot may."""

    capacity: int
    promised: int

    @property
    def free(self) -> int:
        """What may be promised now."""
        return max(0, self.capacity - self.promised)


@dataclass(frozen=True, slots=True)
class Share:
    """A flavor's disk in a pool, in MiB. disk: what the program may fill; room: what it takes on
    the host, with the file system's own."""

    disk: int
    room: int


def now(slots: Iterable[Any]) -> Room:
    """The room of this host. Asks the file system once, and once for every slot.

    ``slots``: attempt and room_mb of all there are.
    """
    backend, held, promised = local.current(), 0, 0
    for slot in slots:
        taken = backend.disk_held(str(slot.attempt)) // MIB
        held += taken
        promised += max(slot.room_mb, taken)
    usage = shutil.disk_usage(_place())
    spare = (usage.free - room.reserve(usage.total)) // MIB
    return Room(max(0, spare + held), promised)


def share(pool: Pool, flavor: Flavor, seen: Room, enough_mb: int = 0) -> Share:
    """The flavor's disk; on a small disk the flavor's part of the pool's.

    Attempts get half of what there is, unless the operator says how much (``MODELYARD_POOL_DISK``),
    so that people can store data beside them. ``enough_mb``: what is known to be enough, 0 where it
    is not known.
    """
    given = settings.MODELYARD_POOL_DISK // MIB or seen.capacity // 2
    part = int(given * flavor.cpus / pool.cpus) // STEP_MB * STEP_MB
    disk = min(flavor.disk_mb, max(LEAST_MB, part), enough_mb or flavor.disk_mb)
    return Share(disk, _room_of(flavor, disk))


def _room_of(flavor: Flavor, disk_mb: int) -> int:
    if not volume.available():
        return disk_mb
    return volume.size(replace(flavor.limits(), disk_mb=disk_mb)) // MIB


def _place() -> Path:
    place = Path(settings.VAR_DIR, "work")
    return place if place.exists() else Path(settings.VAR_DIR)

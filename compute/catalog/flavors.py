"""Flavors: how large one process may be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from compute.sandbox.spec import Limits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size. ``cpus`` in cores, ``memory_mb`` and ``disk_mb`` in MiB."""

    id: str
    cpus: float
    memory_mb: int
    disk_mb: int
    description: str

    @property
    def label(self) -> str:
        return f"{self.id} ({self.cpus:g} vCPU, {self.memory_mb / 1024:g} GiB)"

    @property
    def memory(self) -> int:
        """Memory in bytes."""
        return self.memory_mb * MIB

    def limits(self, *, wall_seconds: int = 0) -> Limits:
        """The sandbox's limits for this size; ``wall_seconds`` 0 = no time limit."""
        return Limits(
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            pids=512,
            disk_mb=self.disk_mb,
            wall_seconds=wall_seconds,
        )


FLAVORS = {
    flavor.id: flavor
    for flavor in (
        Flavor("modelyard.cpu.1u", 1, 2048, 10_240, "Small models and services"),
        Flavor("modelyard.cpu.2u", 2, 4096, 20_480, "Training on one machine"),
        Flavor("modelyard.cpu.4u", 4, 8192, 40_960, "Larger training jobs"),
        Flavor("modelyard.cpu.8u", 8, 16_384, 81_920, "The largest share of a big machine"),
    )
}
DEFAULT_FLAVOR = "modelyard.cpu.1u"


@dataclass(frozen=True, slots=True)
class Pool:
    """Where things run. The public pool is this installation's own host."""

    id: str
    label: str
    kind: str  # "public" | "dedicated"; the value of the condition key modelarts:poolType
    cpus: float
    memory_mb: int


@lru_cache(maxsize=1)
def pools() -> dict[str, Pool]:
    """Pools by id. Cores are shared two to one, memory never is, unless the operator says how much
    is to be given away: they may know that their jobs use less than the flavor."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    public = Pool(
        id="public",
        label="Public pool",
        kind="public",
        cpus=settings.MODELYARD_POOL_CPUS or cores * 2,
        memory_mb=settings.MODELYARD_POOL_MEMORY // MIB or int(memory * 0.75),
    )
    return {public.id: public}


def fitting(pool: Pool) -> list[Flavor]:
    """Flavors that the pool could ever hold."""
    return [f for f in FLAVORS.values() if f.cpus <= pool.cpus and f.memory_mb <= pool.memory_mb]

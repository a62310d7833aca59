"""Every table of the room."""

from compute.slot.models import PoolLock, Slot

__all__ = ["PoolLock", "Slot"]

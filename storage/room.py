"""Room on the disk that is left to the platform itself: its database, its logs, its broker."""

from __future__ import annotations

from django.conf import settings

MIB = 1024 * 1024
LEAST, MOST = 128 * MIB, 5 * 1024 * MIB


def reserve(total: int) -> int:
    """Bytes of a file system of ``total`` bytes that neither uploads nor attempts may take.

    ``MODELYARD_DISK_RESERVE``, or 5 %, at least 128 MiB and at most 5 GiB.
    """
    return settings.MODELYARD_DISK_RESERVE or min(MOST, max(LEAST, total // 20))

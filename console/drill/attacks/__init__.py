"""What one tenant does to the platform on purpose, while another works: one file each.

A module of this package defines one ``Attack`` and stands in ``ATTACKS``; its sentence stands in
`console.drill.matrix`. `console.drill.others`
measures what the other tenant notices.
"""

from __future__ import annotations

from console.drill.attacks.base import Attack
from console.drill.attacks.copied_folder import CopiedFolder
from console.drill.attacks.filled_disk import FilledDisk
from console.drill.attacks.hostile_log import HostileLog
from console.drill.attacks.left_stream import LeftStream
from console.drill.attacks.other_database import OtherDatabase
from console.drill.attacks.slow_model import SlowModel

#: by the names of `console.drill.matrix.ATTACKS`
ATTACKS: dict[str, type[Attack]] = {
    attack.name: attack
    for attack in (FilledDisk, HostileLog, SlowModel, LeftStream, CopiedFolder, OtherDatabase)
}

__all__ = ["ATTACKS", "Attack"]

"""What one tenant does to the platform on purpose, while another works: one file each.

A module of this package defines one ``Attack`` and stands in ``ATTACKS``; its sentence stands in
`ops.drill.matrix`. `ops.drill.others`
measures what the other tenant notices.
"""

from __future__ import annotations

from ops.drill.attacks.base import Attack
from ops.drill.attacks.copied_folder import CopiedFolder
from ops.drill.attacks.filled_disk import FilledDisk
from ops.drill.attacks.hostile_log import HostileLog
from ops.drill.attacks.left_stream import LeftStream
from ops.drill.attacks.other_database import OtherDatabase
from ops.drill.attacks.slow_model import SlowModel

#: by the names of `ops.drill.matrix.ATTACKS`
ATTACKS: dict[str, type[Attack]] = {
    attack.name: attack
    for attack in (FilledDisk, HostileLog, SlowModel, LeftStream, CopiedFolder, OtherDatabase)
}

__all__ = ["ATTACKS", "Attack"]

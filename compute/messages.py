"""What the room compute says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from compute.runner.sentences import SENTENCES
from core.codes import catalogue

code = catalogue("compute")

SLOT_IN_USE = code(
    "SLOT_IN_USE",
    _("Processes of this slot still live on the host: {names}."),
    _("End them, or restart the host; then free the slot."),
    code="SLOT_IN_USE",
)
NEVER_FITS = code(
    "NEVER_FITS",
    _(
        "{flavor} can never run in {pool}, which has {cpus:g} vCPU and {memory:.0f} GiB. "
        "Choose a smaller flavor."
    ),
)
NEEDS_CPUS = code("NEEDS_CPUS", _("Needs {cpus:g} vCPU; {free:g} of {all:g} are free."))
NEEDS_MEMORY = code(
    "NEEDS_MEMORY", _("Needs {memory:g} GiB of memory; {free:.1f} of {all:.0f} are free.")
)
NEEDS_DISK = code(
    "NEEDS_DISK",
    _(
        "Needs {room:,} MB of disk; {free:,} of {all:,} are not promised to others. Older "
        "working files are removed to make room."
    ),
)
BUILD_STARTS = code("BUILD_STARTS", _("Starting the build."))
#: what the runner says of the end of a program
ENDS = {name: code(name, text) for name, text in SENTENCES.items()}

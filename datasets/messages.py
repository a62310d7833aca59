"""What the room datasets says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue
from datasets.idx.sentences import SENTENCES

code = catalogue("datasets")

DATASET_NOT_READY = code(
    "DATASET_NOT_READY",
    _("Dataset version “{version}” is {phase}; jobs read versions that are Ready."),
    _("Open the version: it lists what to correct."),
    code="DATASET_NOT_READY",
)
READING = code("READING", _("Reading the files once."))
CHECK_AGAIN = code("CHECK_AGAIN", _("Asked to check again."))
NOT_YOURS = code(
    "NOT_YOURS",
    _("A shared dataset takes no versions of yours."),
    _("Make your own dataset."),
)
NOTHING_THERE = code(
    "NOTHING_THERE",
    _("Nothing that you may read lies at {bucket}/{folder}."),
    _("Upload the files first, or choose another folder."),
    code="NOTHING_THERE",
)
TOO_MANY_FILES = code(
    "TOO_MANY_FILES",
    _("More than {most} objects lie at {bucket}/{folder}."),
    _("Pack them into fewer files, or choose a deeper folder."),
    code="TOO_MANY_FILES",
)
TOO_LARGE = code(
    "TOO_LARGE",
    _("IDX files of {size} bytes; {most} is the most one version may have."),
    _("Split the data, or use the format “files”."),
    code="TOO_LARGE",
)
CHECK_TIMEOUT = code(
    "CHECK_TIMEOUT",
    _("The check did not end in time; the cause is not known."),
    _("Check again; if it repeats, tell the operator."),
)
CHECK_TOO_LONG = code(
    "CHECK_TOO_LONG",
    _("The check was given up: reading took more than {seconds:.0f} seconds."),
    _("Check again; if it repeats, tell the operator."),
)
CHECK_FAILED = code(
    "CHECK_FAILED",
    _("The bytes could not be read: {error}"),
    _("Check again; if it repeats, tell the operator."),
)
AS_THEY_ARE = code("AS_THEY_ARE", _("{files} files, taken as they are."))
PASSED = code("PASSED", _("{images} images passed every check, with {warnings} warnings."))
DATA_INVALID = code(
    "DATA_INVALID",
    _("{errors} problems: the data cannot be trained on. First: {first}"),
    _("Correct the files and make a new version."),
)
FILE_UNREADABLE = code(
    "FILE_UNREADABLE",
    _("`{file}` cannot be read: {why}."),
    _("Write the file anew; split it where it holds more than can be read at once."),
)
#: what a check of IDX files says
IDX = {
    name: code(name, *((said,) if isinstance(said, str) else said))
    for name, said in SENTENCES.items()
}

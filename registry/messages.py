"""What the room registry says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("registry")

DEPRECATED = code("DEPRECATED", _("Deprecated: nothing new may be deployed from it."))
IN_USE_AGAIN = code("IN_USE_AGAIN", _("In use again."))
CHECKED = code("CHECKED", _("Checked: {file_count} files, engine {engine}."))
CONTENT_FIXED = code(
    "CONTENT_FIXED",
    _("A model's content and name are fixed."),
    _("Register a new version."),
)
CHECKING_AGAIN = code("CHECKING_AGAIN", _("Checking again."))
MODEL_NOT_PUBLISHED = code(
    "MODEL_NOT_PUBLISHED",
    _("Model “{model}” is {phase}; only a published model can be deployed."),
    _("Wait until it is published, or choose another version."),
    code="MODEL_NOT_PUBLISHED",
)
NO_MODEL_DIRECTORY = code(
    "NO_MODEL_DIRECTORY",
    _("No directory “model” with files lies below {source}."),
    _("The parent directory is given, and below it one named exactly “model”."),
    code="NO_MODEL_DIRECTORY",
)
MOST_FILES = code("MOST_FILES", _("A package has at most {most} files."))
MOST_BYTES = code("MOST_BYTES", _("A package has at most 20 GiB."))
FIRST_PROBLEM = code("FIRST_PROBLEM", _("{count} in the package; first: {message}"))
SOURCE = code(
    "SOURCE", _("Give either a training job, or a bucket and a directory."), code="SOURCE"
)
OUTPUT_CHANGED = code(
    "OUTPUT_CHANGED",
    _(
        "{changed} of the {files} files that the job wrote to {place}model/ were overwritten or "
        "deleted since ({names})."
    ),
    _(
        "Run the job again with an output path of its own, or register the directory as "
        "it is now by bucket and directory."
    ),
    code="OUTPUT_CHANGED",
)
BUCKET_MISSING = code(
    "BUCKET_MISSING", _("No bucket “{bucket}” in this account."), code="BUCKET_MISSING"
)
ERRORS = code("ERRORS", _("{n} error"), many=_("{n} errors"))
WARNINGS = code("WARNINGS", _("{n} warning"), many=_("{n} warnings"))
BOTH = code("BOTH", _("{errors} and {warnings}"))
ENGINE_UNSUPPORTED = code("ENGINE_UNSUPPORTED", _("No engine here runs {type}."))
NO_ENGINE = code(
    "NO_ENGINE",
    _("No engine here runs this model type."),
    _("Choose a model type that an engine serves."),
)

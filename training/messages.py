"""What the room training says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("training")

WHOLE_NUMBER = code("WHOLE_NUMBER", _("A whole number, 0 or more."))
AGENCY_DENIED_DATASET = code(
    "AGENCY_DENIED_DATASET",
    _("The job will need {use} on dataset “{dataset}”. {reason}"),
    code="AGENCY_DENIED",
)
ENGINE_UNKNOWN = code(
    "ENGINE_UNKNOWN",
    _("No engine “{engine}”."),
    _("Choose one of: {known}."),
    code="ENGINE_UNKNOWN",
)
POOL_UNKNOWN = code("POOL_UNKNOWN", _("No resource pool “{pool}”."), code="POOL_UNKNOWN")
FLAVOR_UNKNOWN = code(
    "FLAVOR_UNKNOWN",
    _("No flavor “{flavor}”."),
    _("Choose one of: {known}."),
    code="FLAVOR_UNKNOWN",
)
TOO_MANY_ENTRIES = code("TOO_MANY_ENTRIES", _("At most {most} entries."), code="TOO_MANY")
BOOT_FILE = code(
    "BOOT_FILE",
    _("“{boot}” is not a Python file in the code directory."),
    _("Give its path below the code directory, e.g. train.py."),
    code="BOOT_FILE",
)
NAME_TWICE = code(
    "NAME_TWICE",
    _("The parameter name “{name}” is used twice."),
    _("Inputs, outputs and hyperparameters share one namespace."),
    code="NAME_TWICE",
)
TOO_MANY_INPUTS = code("TOO_MANY_INPUTS", _("At most {most} inputs per job."), code="TOO_MANY")
TOO_MANY_OUTPUTS = code("TOO_MANY_OUTPUTS", _("At most {most} outputs per job."), code="TOO_MANY")
AGENCY_MISSING = code(
    "AGENCY_MISSING",
    _("No agency lets the platform read and write your buckets on your behalf."),
    _("The account's main user creates one under Access control → Agencies."),
    code="AGENCY_MISSING",
)
BUCKET_MISSING = code(
    "BUCKET_MISSING",
    _("No bucket “{bucket}” in this account."),
    _("Create it, or choose one from the list."),
    code="BUCKET_MISSING",
)
BOOT_FILE_EMPTY = code(
    "BOOT_FILE_EMPTY", _("obs://{bucket}/{key} is empty."), code="BOOT_FILE_EMPTY"
)
BAD_NAME = code(
    "BAD_NAME",
    _("“{name}” is not a valid name."),
    _("Use letters, digits and “_”, starting with a letter."),
    code="BAD_NAME",
)
BAD_VALUE = code(
    "BAD_VALUE",
    _("The value of “{name}” must be text of at most {most} characters."),
    code="BAD_VALUE",
)
AGENCY_DENIED = code(
    "AGENCY_DENIED",
    _("The job will need {action} on obs://{bucket}/{key}. {reason}"),
    code="AGENCY_DENIED",
)
BOOT_FILE_MISSING = code(
    "BOOT_FILE_MISSING",
    _("obs://{bucket}/{key} does not exist."),
    _("Upload it, or correct directory and file name."),
    code="BOOT_FILE_MISSING",
)
INPUT_MISSING = code(
    "INPUT_MISSING",
    _("Input “{name}”: nothing lies at {where}."),
    _("Upload data there, or pick another path."),
    code="INPUT_MISSING",
)
OUTPUT_BUCKET_MISSING = code(
    "OUTPUT_BUCKET_MISSING",
    _("Output “{name}”: no bucket “{bucket}” in this account."),
    _("Create it, or choose one from the list."),
    code="BUCKET_MISSING",
)
OUTPUT_OVER_CODE = code(
    "OUTPUT_OVER_CODE",
    _("The output path contains the code directory."),
    _("Choose a directory of its own."),
    code="OUTPUT_OVER_CODE",
)
NO_CAPACITY = code(
    "NO_CAPACITY",
    _("{flavor} can never run in {pool}."),
    _("It has {cpus:g} vCPU and {memory} GiB in all."),
    code="NO_CAPACITY",
)
BAD_PARAMETER_NAME = code(
    "BAD_PARAMETER_NAME", _("“{name}” is not a valid parameter name."), code="BAD_NAME"
)
INPUT_REFUSED = code("INPUT_REFUSED", _("Input “{name}” at {where}: {error}"))
INPUT_UNKNOWN = code("INPUT_UNKNOWN", _("Input “{name}”: {text}"), code="INPUT_MISSING")
OUTPUT_BUSY = code(
    "OUTPUT_BUSY",
    _("Job “{job}” writes to {path} now."),
    _("Choose another output path, or wait for that job to end."),
    code="OUTPUT_BUSY",
)
OUTPUT_CLAIMED = code(
    "OUTPUT_CLAIMED",
    _("An output path of job “{job}” was claimed by another job just now."),
    _("Choose another output path."),
    code="OUTPUT_BUSY",
)
OUTPUTS_OVERLAP = code(
    "OUTPUTS_OVERLAP",
    _("Two outputs of this job write to {one}."),
    _("Choose a path of its own for each output."),
    code="OUTPUT_BUSY",
)
NAME_RESERVED = code(
    "NAME_RESERVED",
    _("“{name}”: names that begin with {own_env} are kept for the platform's own variables."),
    _("Choose another."),
    code="NAME_RESERVED",
)
NOT_A_VARIABLE = code(
    "NOT_A_VARIABLE",
    _("“{name}” cannot be the name of an environment variable."),
    _("Use letters, digits and “_”, starting with a letter, or pass it as a hyperparameter."),
    code="BAD_NAME",
)
PREDOWNLOAD_TOO_LARGE = code(
    "PREDOWNLOAD_TOO_LARGE",
    _("{total:,} bytes lie at the output paths; the disk of {flavor} has {disk:,}."),
    _("Choose a larger flavor, another output path, or start without what lies there."),
    code="PREDOWNLOAD_TOO_LARGE",
)
SET_BY_PLATFORM = code(
    "SET_BY_PLATFORM",
    _("“{name}” is set by the platform."),
    _("Choose another."),
    code="NAME_RESERVED",
)
BAD_FLAG = code(
    "BAD_FLAG",
    _("“{name}” is given as a flag and with a value."),
    _("Keep one of them."),
    code="BAD_FLAG",
)
VARIABLE_TWICE = code(
    "VARIABLE_TWICE",
    _("The environment variable “{name}” is set already."),
    _("Choose another name, or pass the path as a hyperparameter."),
    code="NAME_TWICE",
)
WAITING = code("WAITING", _("Waiting for a slot."))
RETRYING = code(
    "RETRYING",
    _("The process of attempt {number} disappeared; retry {spent} of {retries}."),
)
STARTING_AGAIN = code(
    "STARTING_AGAIN",
    _("The process disappeared through no fault of the code; starting again."),
)
INTERRUPTED = code(
    "INTERRUPTED",
    _("Interrupted by a stop of the platform; starting again."),
)
STOPPED_EARLY = code("STOPPED_EARLY", _("Stopped before it started."))
WAITED_TOO_LONG = code("WAITED_TOO_LONG", _("Waited too long. {shortage}"))
ENGINE_FAILED = code(
    "ENGINE_FAILED",
    _("Engine {engine} could not be built: {why}"),
    _("The operator finds the build log under Compute → Engines."),
)
NO_ATTEMPT = code("NO_ATTEMPT", _("No attempt was recorded."))
STOPPING = code("STOPPING", _("Asked to stop; the program has some seconds to save its work."))
NO_HEARTBEAT = code(
    "NO_HEARTBEAT", _("No sign of life for {seconds:.0f} s; waiting for it to return.")
)
STOPPED = code("STOPPED", _("Stopped."))
TERMINATE_FAILED = code(
    "TERMINATE_FAILED",
    _("The processes did not go away; the slot is held until an operator looks."),
)
REPORTS_AGAIN = code("REPORTS_AGAIN", _("The same attempt reports again."))
NODE_LOST = code(
    "NODE_LOST",
    _("The process disappeared {spent} times; the platform stopped trying."),
)
PREPARING = code("PREPARING", _("A slot was won; preparing."))
RESTORED = code(
    "RESTORED",
    _(
        "Modelyard was restored from a backup of {when}, in which this job was running. "
        "How it ended after that is not known here."
    ),
)
UPLOAD_AGAIN = code("UPLOAD_AGAIN", _("The upload of the kept files is tried again."))
SPECIFICATION_FIXED = code(
    "SPECIFICATION_FIXED",
    _("A job's specification cannot change after it was accepted."),
    _("Rerun it with other values instead."),
)
FILES_GONE = code(
    "FILES_GONE",
    _("The files of job “{obj}” are no longer on the host."),
    _("Rerun the job."),
)
FIELDS_MISSING = code("FIELDS_MISSING", _("Some fields are missing."))
NOT_STOPPED = code("NOT_STOPPED", _("Training job “{job}” is {phase}."), _("Stop it first."))
SECRETS_CLOSED = code(
    "SECRETS_CLOSED",
    _("The secrets of job “{obj}” cannot be opened: {error}"),
    _("Submit a new job with them."),
)
REQUIRED = code("REQUIRED", _("This field is required."), code="REQUIRED")
SECRET_NOT_YOURS = code(
    "SECRET_NOT_YOURS",
    _("“{name}” of job “{obj}” is a secret of the user who submitted it."),
    _("Send a value of your own for it."),
    code="SECRET_NOT_YOURS",
)
VALUE_NOT_YOURS = code(
    "VALUE_NOT_YOURS",
    _("The value of “{name}” of job “{obj}” is for the user who submitted it."),
    _("Send a value of your own for it, or submit a new job."),
    code="VALUE_NOT_YOURS",
)
NO_MODEL_DIRECTORY = code(
    "NO_MODEL_DIRECTORY",
    _("Training job “{job}” wrote no directory “model” to its outputs."),
    _("The script saves weights, config.json and customize_service.py below <output>/model/."),
    code="NO_MODEL_DIRECTORY",
)
JOB_NOT_OVER = code(
    "JOB_NOT_OVER",
    _("Training job “{job}” is {phase}; its outputs are not complete."),
    _("Wait until it is Completed."),
    code="JOB_NOT_OVER",
)
JOB_MISSING = code("JOB_MISSING", _("No such training job."), code="JOB_MISSING")
TOO_MANY_FILES = code(
    "TOO_MANY_FILES",
    _("Training job “{job}” wrote more files to “model” than its record lists."),
    _("Register the directory by bucket and directory."),
    code="TOO_MANY_FILES",
)
ENGINE_BUILDING = code(
    "ENGINE_BUILDING", _("Engine {engine} is being prepared: {percent} %, {stage}")
)
SHARE_ENDED = code(
    "SHARE_ENDED",
    _(
        "A dataset of another account that this job was to read is no longer shared with this"
        " account."
    ),
)
UPLOADER_LOST = code("UPLOADER_LOST", _("The process that uploaded again disappeared."))
UPLOADER_LATE = code("UPLOADER_LATE", _("its process did not start in time."))
UPLOAD_NOT_AGAIN = code("UPLOAD_NOT_AGAIN", _("The upload was not tried again: {problem}"))
FAILED = code("FAILED", _("Failed."))
COMPLETED_EMPTY = code(
    "COMPLETED_EMPTY", _("Completed, but nothing was written to the output path.")
)
COMPLETED = code("COMPLETED", _("Completed; {files} files ({size:,} bytes) uploaded and verified."))
HOLDS_UNREADABLE = code("HOLDS_UNREADABLE", _("{path} holds objects that you may not read"))
HOLDS = code(
    "HOLDS",
    _("{path} holds {n} object ({size:,} bytes): {names}"),
    many=_("{path} holds {n} objects ({size:,} bytes): {names}"),
)
HOLDS_MORE = code("HOLDS_MORE", _("{path} holds more than {n} objects ({size:,} bytes): {names}"))
AND_UNREADABLE = code("AND_UNREADABLE", _("{holds}, and objects that you may not read"))
VALUES_OF_SUBMITTER = code(
    "VALUES_OF_SUBMITTER", _("The values of job “{job}” are for the user who submitted it.")
)
ENGINE_REPLACED = code(
    "ENGINE_REPLACED",
    _("“{asked}” is not installed here; the job runs in “{engine}”."),
    _("Check that the script runs with these versions, or name that engine."),
)
NO_VERSION_ID = code("NO_VERSION_ID", _("Not a dataset version id."))
OUTPUT_NOT_EMPTY_NEXT = code(
    "OUTPUT_NOT_EMPTY_NEXT",
    _('Choose another output path, or send "{accept}": true to write there all the same.'),
)
OUTPUT_BUSY_UNSEEN = code(
    "OUTPUT_BUSY_UNSEEN",
    _("A job that you may not see writes to {path}, or inside or above it, now."),
    _("Choose another output path."),
    code="OUTPUT_BUSY",
)

"""What the runner says of the end of a program, by code: English text that knows its parameters.

The catalogue of the room (compute/messages.py) holds the same codes, so that a page writes them in
the reader's language. Standard library only, as all of the runner.
"""

from __future__ import annotations

from core.said import noop as _
from core.said import sayer

SENTENCES = {
    "ENDED_WITH_CODE": _(
        "The program ended with exit code {code} and no traceback. The last lines of the log "
        "may tell why."
    ),
    "OOM_USED": _(
        "Used {peak} of {memory} MB memory and was stopped by the system. Choose a flavor with "
        "more memory, or a smaller batch."
    ),
    "OOM_NEEDED": _(
        "Needed more than {memory} MB memory and was stopped by the system. Choose a flavor with "
        "more memory, or a smaller batch."
    ),
    "SUPERVISOR_FAILED": _(
        "The supervisor failed: {error}. This is a fault of the platform; the administrator sees "
        "the trace."
    ),
    "DISK_TOO_DEEP": _(
        "The job nests directories deeper than {too_deep} levels, too many to count or "
        "remove in time. Keep the tree flat."
    ),
    "DISK_TOO_MANY_FILES": _(
        "The job holds {too_many_files:,} files; its disk has room for {files:,}. Pack small "
        "files into archives, or delete what is not needed."
    ),
    "DISK_FILLED": _(
        "The job filled its disk of {disk_mb} MB. Write less, delete old checkpoints, or "
        "choose a larger disk."
    ),
    "SANDBOX_FAILED": _(
        "The sandbox did not start the program: {line}. The administrator finds the missing "
        "piece on the compute page."
    ),
    "OOM_GPU": _("GPU memory ran out: {exception}. Use a smaller batch."),
    "FILE_TOO_LARGE": _(
        "A file grew beyond the limit of {file_size_mb} MB for one file. Split it, or choose "
        "a larger disk."
    ),
    "NO_SPACE_LEFT": _(
        "No space left: {exception}. /tmp holds {tmp_mb} MB and lies in memory; write large "
        "files to the outputs."
    ),
    "OOM_RAN_OUT": _(
        "Memory ran out at the limit of {memory_mb} MB: {exception}. Choose a flavor with "
        "more memory, or a smaller batch."
    ),
    "NO_MODULE": _(
        "The package {missing} is missing in this engine. Choose another engine, or bring the"
        " package with the code."
    ),
    "BAD_ARGS": _(
        "The script does not accept its parameters: {refused}. Create a new job with "
        "parameters that it accepts."
    ),
    "KILLED_137": _("Killed from outside (SIGKILL); no sign of memory shortage."),
    "ENDED_BY_SIGNAL": _("The program was ended by signal {signal_name}."),
    "SERVICE_EXITED": _(
        "The server ended by itself with exit code 0. A server has to run until it is stopped."
    ),
    "INPUT_FILE_AND_FOLDER": _(
        "In bucket {bucket} the key {key} is a file and also a directory of other objects. "
        "Rename one of them."
    ),
    "INPUT_UNREACHABLE": _(
        "{where} could not be read: {error}. Run the job again when the storage answers."
    ),
    "INPUT_NOT_STORED": _("Could not store an input: {error}"),
    "INPUT_MISSING": _(
        "{where} does not exist ({what}).{says} Check the path, or upload the data first."
    ),
    "INPUT_DENIED": _(
        "Reading {where} was refused ({what}).{says} Ask the owner for access, or check the "
        "job's agency."
    ),
    "INPUT_CORRUPT": _("{where} arrived damaged several times ({what}).{says} Upload it again."),
    "INPUTS_DO_NOT_FIT": _(
        "The inputs do not fit on the disk of this flavor: no space left for {path}. Choose a"
        " larger flavor or less data."
    ),
    "NO_SPACE_ON_HOST": _(
        "No space left on the host while storing {path}. Ask the administrator to free space."
    ),
    "INPUT_NAME_TOO_LONG": _("The name {path}... is too long for a file. Rename the object."),
    "INPUT_NOTHING_THERE": _("Nothing lies at {where}. Check the path, or upload the data first."),
    "INPUT_NO_PATH": _(
        "The object key {entry} in bucket {bucket} cannot be a file path: empty parts, '.' "
        "and '..' are not allowed. Rename the object."
    ),
    "INPUTS_TOO_LARGE": _(
        "The inputs are larger than this flavor's disk of {disk_mb} MB. Choose a larger "
        "flavor or less data."
    ),
    "INPUTS_NO_ROOM": _(
        "The host has {free} MB of disk left, not enough for the inputs. Ask the "
        "administrator to free space."
    ),
    "NO_IDENTITY_LEFT": _(
        "All {count} job identities of this host are in use. Wait for a job to end, or add a host."
    ),
    "TAKEN_OVER": _(
        "A newer attempt (token {current}) has taken over from this one (token {token})."
    ),
    "DIRECTORY_REMOVED": _("The attempt's directory was removed."),
    "UPLOAD_FAILED": _("{n} of {total} output files are not in the bucket ({shown})."),
    "BOOT_FILE_MISSING": _(
        "The boot file {boot_file} is not in the code directory {code_name}. {hint}"
    ),
    "BOOT_FILE_MEANT": _("Did you mean {path}?"),
    "BOOT_FILES_THERE": _("The code directory holds: {paths}."),
    "NO_PYTHON_FILE": _("The code directory holds no Python file."),
    "ENGINE_MISSING": _(
        "The engine at {engine} is not built. Build it on the engines page, then start again."
    ),
    "DIRECTORY_CLOSED": _(
        "Without bubblewrap the job's own user cannot enter {parent}. Install bubblewrap, or "
        "set MODELYARD_VAR to a directory that every user can enter."
    ),
    "NOTHING_TO_RETRY": _(
        "Only an attempt that ended with UPLOAD_FAILED can upload again; this one is {reason_code}."
    ),
    "RUNNER_LOST": _(
        "The supervisor of this attempt died while the program was running; the program was "
        "ended with it. Start a new attempt."
    ),
    "TERMINATE_FAILED": _(
        "Processes of the job did not end after SIGKILL. The slot must not be used again "
        "until the host is checked."
    ),
    "KEPT_FILES_UNREADABLE": _("The kept files cannot be read: {error}"),
    "MAX_DURATION": _(
        "The job reached its time limit of {limit:g} s. Outputs written so far are kept."
    ),
    "HOST_DISK_FULL": _(
        "The host has no room for the disk of this attempt ({total:,} MB), which was there "
        "when it was admitted. Ask the administrator to free space."
    ),
}

say = sayer("compute", SENTENCES)

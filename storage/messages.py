"""What the room storage says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("storage")

SHORT_BODY = code(
    "SHORT_BODY",
    _("The upload stopped after {count} of the whole body; nothing was stored."),
    _("Send it again."),
)
DISK_FULL = code(
    "DISK_FULL",
    _("The disk that holds the objects is full, so nothing was stored."),
    _("Delete what is no longer needed, or ask the operator for more space."),
)
STORE_FULL = code(
    "STORE_FULL",
    _("The object store is full, so nothing was stored."),
    _("Delete what is no longer needed, or ask the operator for more space."),
)
DIGEST_MISMATCH = code(
    "DIGEST_MISMATCH",
    _(
        "The bytes that arrived have SHA-256 {sha256}, announced was {expected}; "
        "nothing was stored."
    ),
    _("Send it again; if it repeats, the file changed while it was read."),
)
QUOTA_OF_BYTES = code(
    "QUOTA_OF_BYTES",
    _("Your account may store {limit:,} MiB and would hold {mib:,} MiB with this."),
    _(
        "Delete objects or dataset versions you no longer need, or ask the operator to "
        "raise the quota “{key}”. Who may list quotas sees them all under Access control "
        "> Quotas."
    ),
)
EMPTYING_LISTS = code("EMPTYING_LISTS", _("Emptying a bucket lists it. {reason}"))
NOTHING_CHOSEN = code("NOTHING_CHOSEN", _("Choose at least one object."))
NAME_STAYS = code(
    "NAME_STAYS",
    _("A bucket keeps its name."),
    _("Create another bucket and copy the objects."),
)
BUCKET_NOT_EMPTY = code(
    "BUCKET_NOT_EMPTY",
    _("Bucket “{bucket}” still holds {count} objects."),
    _("Empty it first: “Empty” on its page, or POST …/buckets/{{name}}/purge."),
    code="BUCKET_NOT_EMPTY",
)
WHOLE_NUMBER = code("WHOLE_NUMBER", _("A whole number."))
PREFIX_MISSING = code(
    "PREFIX_MISSING",
    _("Name the prefix to delete."),
    _("To delete everything, POST …/buckets/{{bucket}}/purge."),
)
LIMIT = code("LIMIT", _("A whole number from 1 to {most}."))
DELIMITER = code("DELIMITER", _("The delimiter is “/”, or none."))
BAD_DIGEST = code(
    "BAD_DIGEST", _("Send 64 hexadecimal digits, or leave it out."), code="BAD_DIGEST"
)
TOO_LARGE = code(
    "TOO_LARGE",
    _("An object has at most {max_bytes} bytes; this one has {size}."),
    _("Split it into several objects."),
)
NOT_SERVED_AS = code(
    "NOT_SERVED_AS",
    _("Uploaded bytes are not served as “{wanted}”."),
    _("Download them, or serve them from a host of your own."),
)
PARTIAL_UPLOAD = code(
    "PARTIAL_UPLOAD",
    _("An object is stored whole; this upload has Content-Range, so it is a piece of one."),
    _("Send all bytes in one PUT, without Content-Range. Nothing was stored."),
)
LENGTH_REQUIRED = code(
    "LENGTH_REQUIRED",
    _("An upload needs Content-Length."),
    _("Send the body whole with its length, not in chunks of unknown number."),
)
BEYOND_END = code("BEYOND_END", _("The object has {size} bytes; {given} lies beyond its end."))
KEY_CONTROL = code("KEY_CONTROL", _("A key has no control characters or line separators."))
KEY_UTF8 = code("KEY_UTF8", _("A key is UTF-8 text."))
KEY_TOO_LONG = code("KEY_TOO_LONG", _("A key has at most {most} bytes; this one has {length}."))
KEY_EMPTY = code("KEY_EMPTY", _("A key has at least one character."))
KEY_SLASH = code("KEY_SLASH", _("A key does not start with a slash."))
KEY_BACKSLASH = code("KEY_BACKSLASH", _("A key has no backslash; write “/” between folders."))
KEY_EMPTY_PART = code(
    "KEY_EMPTY_PART", _("A key has no empty part (two slashes in a row, or a slash at its end).")
)
KEY_DOTS = code("KEY_DOTS", _("A key has no “{part}” part."))
KEY_PERCENT = code(
    "KEY_PERCENT", _("A key has no percent escapes such as %41; send it percent-encoded once.")
)
KEY_NOT_NORMAL = code("KEY_NOT_NORMAL", _("The key cannot be normalised: {error}"))
BYTES_UNREADABLE = code(
    "BYTES_UNREADABLE",
    _("The bytes of this object cannot be read right now."),
    _("Tell the operator; the log names the file."),
)
BYTES_NOT_REMOVED = code("BYTES_NOT_REMOVED", _("The bytes of an object could not be removed."))
BYTES_NOT_TRASHED = code(
    "BYTES_NOT_TRASHED", _("The bytes of an object could not be moved to the trash.")
)
BYTES_NOT_BACK = code("BYTES_NOT_BACK", _("Bytes could not be put back from the trash."))
TRASH_NOT_EMPTIED = code("TRASH_NOT_EMPTIED", _("The trash could not be emptied."))
MARKER_UNREADABLE = code("MARKER_UNREADABLE", _("The marker of the object store cannot be read."))
BYTES_NOT_STORED = code("BYTES_NOT_STORED", _("The bytes could not be stored ({error})."))
STORE_ANSWERS_WRONG = code(
    "STORE_ANSWERS_WRONG",
    _("The object store does not answer as it should ({what})."),
    _("Try again; if it repeats, tell the operator."),
)
NOT_PURGED = code(
    "NOT_PURGED", _("“{key}” has to stay: {why}"), _("Nothing was deleted."), code="NOT_PURGED"
)
SHORT_BY = code(
    "SHORT_BY",
    _("The upload stopped after {count} of {expected} bytes; nothing was stored."),
    _("Send it again."),
)

"""What the room console says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("console")

UNKNOWN_FIELD = code("UNKNOWN_FIELD", _("Unknown field. Known: {known}."), code="UNKNOWN_FIELD")
IDEMPOTENCY_MISMATCH = code(
    "IDEMPOTENCY_MISMATCH",
    _("This Idempotency-Key was used for another request."),
    _("Use a new key for a new request."),
    code="IDEMPOTENCY_MISMATCH",
)
IDEMPOTENCY_KEY = code(
    "IDEMPOTENCY_KEY", _("Use 1 to 100 visible ASCII characters without blanks.")
)
IDEMPOTENCY_UNREADABLE = code(
    "IDEMPOTENCY_UNREADABLE",
    _("The first answer to this Idempotency-Key cannot be read any more."),
    _("Look what is there, and use a new key."),
    code="IDEMPOTENCY_MISMATCH",
)
UNSTORABLE_NAME = code("UNSTORABLE_NAME", _("A name in it: {reason}"), code="UNSTORABLE_TEXT")
SIGN_IN_FIRST = code(
    "SIGN_IN_FIRST", _("Sign in first."), _("Send `Authorization: Bearer <API token>`.")
)
SCOPE = code("SCOPE", _("One of own, shared, all."))
NO_ETAG = code(
    "NO_ETAG",
    _("If-Match is not an ETag of this object."),
    _('Send the ETag header of the answer you saw, e.g. W/"3".'),
)
CANNOT_SORT = code("CANNOT_SORT", _("Cannot sort by {sort}."))
IF_MATCH_MISSING = code(
    "IF_MATCH_MISSING",
    _("A change needs If-Match, so that it cannot overwrite another user's."),
    _("Read the object first and send its ETag."),
)
LENGTH_REQUIRED = code(
    "LENGTH_REQUIRED",
    _("A body needs Content-Length."),
    _("Send the body whole with its length, not in chunks of unknown number."),
)
REQUEST_MALFORMED = code(
    "REQUEST_MALFORMED",
    _("The request is malformed."),
    _("Check its address, its headers and its form fields."),
)
BODY_TOO_LARGE = code(
    "BODY_TOO_LARGE",
    _("The body is larger than {most} bytes, the limit of a form or a JSON body."),
    _("Send less at once. Files go to /api/v1/buckets/{{bucket}}/objects/{{key}}."),
    code="BODY_TOO_LARGE",
)
TOO_MANY_FIELDS = code(
    "TOO_MANY_FIELDS",
    _("The request has more than {most} fields or files."),
    _("Send it in several requests."),
    code="TOO_MANY_FIELDS",
)
UNEXPECTED_FILE = code(
    "UNEXPECTED_FILE",
    _("The form brings a file, and this address takes none."),
    _("Files go to /api/v1/buckets/{{bucket}}/objects/{{key}}."),
    code="UNEXPECTED_FILE",
)
INCOMPLETE_BODY = code(
    "INCOMPLETE_BODY",
    _("The body ended before its announced length; nothing was changed."),
    _("Send it again."),
    code="INCOMPLETE_BODY",
)
ADDRESS = code("ADDRESS", _("The address: {why}"))
IDEMPOTENCY_IN_PROGRESS = code(
    "IDEMPOTENCY_IN_PROGRESS",
    _("The first request with this key is still running."),
    _("Send it again in a moment to get the first answer."),
    code="IDEMPOTENCY_IN_PROGRESS",
)
INTERNAL = code(
    "INTERNAL",
    _("Something went wrong on our side; the request id below finds it in the log."),
)
CSRF = code(
    "CSRF",
    _("The form was sent with the proof of an earlier visit, so nothing was changed."),
    _("Open the form again and send it once more; sign in first if you signed out."),
    code="CSRF",
)
SIGN_IN = code("SIGN_IN", _("Sign in first."))
BAD_JSON = code("BAD_JSON", _("The body {error}"))
TAKE_IT_OUT = code("TAKE_IT_OUT", _("Take it out."))
TAKE_IT_OUT_OF_ADDRESS = code("TAKE_IT_OUT_OF_ADDRESS", _("Take it out of the address."))
UNKNOWN_PARAMETER = code(
    "UNKNOWN_PARAMETER", _("Unknown parameter. Known: {known}."), code="UNKNOWN_PARAMETER"
)
BODY_OVER_LIMIT = code(
    "BODY_OVER_LIMIT",
    _("The body is larger than {most} bytes, the most that {method} {path} takes."),
    _("Send less at once. Files go to /api/v1/buckets/{{bucket}}/objects/{{key}}."),
)
FORM_CHARSET = code(
    "FORM_CHARSET",
    _("The form's charset is `{charset}`; a form is sent as UTF-8."),
    _("Send it from the console's own page."),
)
ONLY_SENT_TO = code(
    "ONLY_SENT_TO",
    _("This address only takes what a button or a form of the console sends."),
    _("Nothing was changed. Open the page from the menu."),
)
ONLY_READ = code(
    "ONLY_READ",
    _("This page can be read; nothing can be sent to it."),
    _("Nothing was changed. Open the page from the menu."),
)
BAD_INPUT = code("BAD_INPUT", _("Bad input."))
FORBIDDEN = code("FORBIDDEN", _("Forbidden."))

"""Names of buckets and keys of objects: one spelling each, or a refusal.

Rules: the vendor's bucket naming (3 to 63 lower-case letters, digits, ".", "-") and object keys of
1 to 1024 bytes. Keys are stricter than the vendor's: a key is also a relative file path in a job's
input directory, and one path must have one spelling, or a policy could be passed by another one.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.engine.matching import MalformedPath, normalise_path
from core.errors import Problem, ValidationFailed
from storage import messages

BUCKET_RULE = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
MAX_KEY_BYTES = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def validate_bucket_name(value: str) -> None:
    """Raise ValidationError unless ``value`` is a legal bucket name."""
    if not BUCKET_RULE.fullmatch(value) or ".." in value or ".-" in value or "-." in value:
        raise ValidationError(
            _(
                "Use 3 to 63 lower-case letters, digits, “-” or “.”; start and end with a letter "
                "or digit; no two dots in a row and no “-” beside a dot."
            ),
            code="BUCKET_NAME_RULE",
        )
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return
    raise ValidationError(
        _("A bucket name cannot look like an IP address."), code="BUCKET_NAME_RULE"
    )


def normalise_key(raw: str) -> str:
    """The key in its only spelling (Unicode NFC). ``raw`` is already percent-decoded, once.

    Raises:
        ValidationFailed: empty or too long, an empty, "." or ".." part, a leading slash, control
            characters, a backslash, or an escape such as %2e that a second decoding would undo.
    """
    key = unicodedata.normalize("NFC", raw)
    problem = _problem(key)
    if problem:
        raise ValidationFailed(problem, code="BAD_KEY", problems=[Problem("key", problem)])
    return key


def normalise_prefix(raw: str) -> str:
    """A listing's prefix: the beginning of keys, so it may end anywhere, also after a slash.

    Raises:
        ValidationFailed: no key could begin like this.
    """
    prefix = unicodedata.normalize("NFC", raw)
    if not prefix:
        return ""
    # What follows the last slash may become any name, so "." and ".." are fine there.
    folder = prefix.rpartition("/")[0]
    problem = (_problem(folder) if folder or prefix.startswith("/") else "") or _bytes(prefix)
    if problem:
        raise ValidationFailed(problem, code="BAD_PREFIX", problems=[Problem("prefix", problem)])
    return prefix


def normalise_folder(raw: str) -> str:
    """A folder as a prefix that ends in a slash, "" for the whole bucket. Raises as above."""
    bare = raw.strip("/")
    if not bare:
        return ""
    try:
        return f"{normalise_key(bare)}/"
    except ValidationFailed as error:
        raise ValidationFailed(
            error.message, code="BAD_PREFIX", problems=[Problem("prefix", error.message)]
        ) from None


def after(prefix: str) -> str:
    """The smallest text above everything that begins with ``prefix``, "" where there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if 0xD800 <= code <= 0xDFFF:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:at] + chr(code)
    return ""


def _bytes(text: str) -> str:
    if _CONTROL.search(text):
        return messages.KEY_CONTROL()
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return messages.KEY_UTF8()
    if length > MAX_KEY_BYTES:
        return messages.KEY_TOO_LONG(most=MAX_KEY_BYTES, length=length)
    return ""


def _problem(key: str) -> str:
    if not key:
        return messages.KEY_EMPTY()
    wrong = _bytes(key)
    if wrong:
        return wrong
    if key.startswith("/"):
        return messages.KEY_SLASH()
    if "\\" in key:
        return messages.KEY_BACKSLASH()
    for part in key.split("/"):
        if part == "":
            return messages.KEY_EMPTY_PART()
        if part in (".", ".."):
            return messages.KEY_DOTS(part=part)
    try:
        if normalise_path(key) != key:
            return messages.KEY_PERCENT()
    except MalformedPath as error:
        return messages.KEY_NOT_NORMAL(error=error)
    return ""

"""What makes a password acceptable (NIST SP 800-63B-4, ASVS 5.0 section 6.2).

Length and a blocklist, nothing else: no composition rules, no expiry, no hints. Any character
counts, blanks and Chinese included.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from django.contrib.auth.password_validation import CommonPasswordValidator

from accounts import messages
from accounts.user.models import normalise_password
from core.errors import Problem, ValidationFailed

MIN_LENGTH = 15
MAX_LENGTH = 256
#: characters that must be left when known words are taken out
MIN_REST = 8
PRODUCT_WORDS = ("modelyard", "modelarts", "password", "passwort", "密码")
#: no 0/O, 1/l/I: a temporary password is read from a screen and typed
_ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """The 20 000 most common passwords that Django ships, offline."""
    return frozenset(CommonPasswordValidator().passwords)


def problems(raw: str, *, account: str, username: str, field: str = "password") -> list[Problem]:
    """Everything wrong with a new password; empty when it is acceptable."""
    password = normalise_password(raw)
    if len(password) < MIN_LENGTH:
        return [Problem(field, messages.PASSWORD_SHORT(n=len(password), min_length=MIN_LENGTH))]
    if len(password) > MAX_LENGTH:
        return [Problem(field, messages.PASSWORD_LONG(most=MAX_LENGTH))]
    folded = password.casefold()
    unit = _repeated(folded)
    if folded in _common() or unit in _common() or len(unit) < MIN_REST:
        return [Problem(field, messages.PASSWORD_COMMON())]
    rest = folded
    for word in (*PRODUCT_WORDS, account.casefold(), username.casefold()):
        if len(word) >= 2:
            rest = rest.replace(word, "")
    if len(rest) < MIN_REST:
        return [Problem(field, messages.PASSWORD_CONTEXT())]
    return []


def check(raw: str, *, account: str, username: str, field: str = "password") -> None:
    """Raise ValidationFailed unless ``raw`` is acceptable as a new password."""
    found = problems(raw, account=account, username=username, field=field)
    if found:
        raise ValidationFailed(found[0].text, hint=found[0].next, problems=found)


def temporary() -> str:
    """A random password of 20 characters (about 117 bits) that must be changed at first sign-in."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _repeated(text: str) -> str:
    """The shortest unit of which ``text`` is a repetition; ``text`` itself where it is none."""
    at = (text + text).find(text, 1)
    return text[:at] if at < len(text) else text

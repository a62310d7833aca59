"""Argon2, a few at a time: each hash takes 100 MiB while it is made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts import messages
from core.errors import Unavailable

#: hashes at once in one process
AT_ONCE = 2
#: seconds that a request waits for its turn
LONGEST_WAIT = 5.0
#: seconds after which a caller who had no turn may try again
RETRY_AFTER = 5

_turns = threading.BoundedSemaphore(AT_ONCE)


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Django's hasher, which makes and checks every password, with a bound on its memory.

    Raises Unavailable where no turn came: the password was then not looked at.
    """

    def encode(self, password: str, salt: str) -> str:
        with _turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _turn():
            return super().verify(password, encoded)


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=LONGEST_WAIT):
        raise Unavailable(messages.PASSWORDS_BUSY(), extra={"retry_after": RETRY_AFTER})
    try:
        yield
    finally:
        _turns.release()

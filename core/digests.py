"""A column that finds a sealed text again: its keyed digest (HMAC-SHA-256, RFC 2104).

Equal texts have equal digests, so the column can be searched and indexed. Without the key of the
installation a digest tells nothing, and cannot be tried out against a list of likely texts.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

INFO = b"modelyard digest 1"


class DigestField(models.CharField):  # type: ignore[type-arg]
    """The digest of a sealed text beside it. ``about`` keeps equal texts of two columns apart."""

    def __init__(self, *, about: str, **kwargs: Any) -> None:
        self.about = about
        defaults = {"max_length": 64, "blank": True, "default": "", "editable": False}
        super().__init__(**{**defaults, **kwargs})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "about": self.about}

    def digest(self, text: str) -> str:
        """What to store for ``text``; "" for none."""
        return digest(text, self.about)

    def digests(self, text: str) -> list[str]:
        """What rows about ``text`` may hold: written with the key of today, or with one of before
        (``SECRET_KEY_FALLBACKS``)."""
        secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return (
            [_digest(str(secret), text, self.about) for secret in secrets] if text.strip() else []
        )


def digest(text: str, about: str) -> str:
    """Hexadecimal digest of ``text`` without blanks around it, in whatever case; "" for none."""
    return _digest(settings.SECRET_KEY, text, about) if text.strip() else ""


def _digest(secret: str, text: str, about: str) -> str:
    plain = unicodedata.normalize("NFKC", text.strip()).casefold()
    return hmac.new(_key(secret), f"{about}\0{plain}".encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=INFO).derive(secret.encode())

"""Texts that the database keeps encrypted: a dump without the keys tells nothing.

AES-256-GCM (NIST SP 800-38D). The key is derived from ``SECRET_KEY`` by HKDF (RFC 5869); a text
also carries what it is about, so that a sealed text moved to another row does not open there.
"""

from __future__ import annotations

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION = "1:"
NONCE_BYTES, KEY_BYTES = 12, 32
INFO = b"modelyard sealed text 1"


class Unsealable(Exception):
    """The text was sealed with other keys, for something else, or is damaged."""


def seal(text: str, about: str) -> str:
    """``text`` encrypted for the place that ``about`` names, such as a row and its column."""
    nonce = os.urandom(NONCE_BYTES)
    closed = _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), about.encode())
    return VERSION + base64.b64encode(nonce + closed).decode()


def unseal(sealed: str, about: str) -> str:
    """The text again; keys of before (``SECRET_KEY_FALLBACKS``) open what they closed.

    Raises Unsealable.
    """
    if not sealed.startswith(VERSION):
        raise Unsealable("This is no sealed text.")
    try:
        raw = base64.b64decode(sealed.removeprefix(VERSION), validate=True)
    except ValueError:
        raise Unsealable("The sealed text is damaged.") from None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            opened = _cipher(secret).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            continue
        return opened.decode()
    raise Unsealable("No key of this installation opens the sealed text.")


@lru_cache(maxsize=8)
def _cipher(secret: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=INFO)
    return AESGCM(derived.derive(secret.encode()))

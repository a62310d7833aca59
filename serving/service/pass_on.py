"""A signed word from the console to the gateway: "this user, now". Valid for half a minute."""

from __future__ import annotations

import uuid

from django.core import signing

from core.actor import Actor

SALT = "modelyard.predict"
SECONDS = 30
PREFIX = "page_"


def make(actor: Actor) -> str:
    """A bearer for one call from a page; never stored, never shown."""
    signer = signing.TimestampSigner(salt=SALT)
    return PREFIX + signer.sign_object({"user": str(actor.user_id), "ip": actor.source_ip})


def read(bearer: str) -> tuple[uuid.UUID, str] | None:
    """User id and address behind a bearer, or None where it is none of ours or too old."""
    if not bearer.startswith(PREFIX):
        return None
    signer = signing.TimestampSigner(salt=SALT)
    try:
        content = signer.unsign_object(bearer.removeprefix(PREFIX), max_age=SECONDS)
        return uuid.UUID(content["user"]), str(content.get("ip", ""))
    except (signing.BadSignature, KeyError, ValueError, TypeError):
        return None

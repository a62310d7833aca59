"""A signed word from the console to the gateway: "this user, this service, now". Valid as long as
one call of a page may last, because the gateway asks again while an answer streams."""

from __future__ import annotations

import uuid

from django.core import signing

from core.actor import Actor

SALT = "modelyard.predict"
SECONDS = 90
PREFIX = "page_"


def make(actor: Actor, service_id: object) -> str:
    """A bearer for one call of one service from a page; never stored, never shown."""
    signer = signing.TimestampSigner(salt=SALT)
    content = {"user": str(actor.user_id), "ip": actor.source_ip, "service": str(service_id)}
    return PREFIX + signer.sign_object(content)


def read(bearer: str, service_id: str) -> tuple[uuid.UUID, str] | None:
    """User id and address behind a bearer, or None where it is none of ours, too old or for another
    service."""
    if not bearer.startswith(PREFIX):
        return None
    signer = signing.TimestampSigner(salt=SALT)
    try:
        content = signer.unsign_object(bearer.removeprefix(PREFIX), max_age=SECONDS)
        if content["service"] != service_id:
            return None
        return uuid.UUID(content["user"]), str(content.get("ip", ""))
    except (signing.BadSignature, KeyError, ValueError, TypeError):
        return None

"""A signed word from the console to the gateway: "this user, this service, now". Valid as long as
one call of a page may last, because the gateway asks again while an answer streams."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.core import signing

from core.actor import Actor

SALT = "modelyard.predict"
SECONDS = 90
PREFIX = "page_"
#: what policies may ask about the page's own request
WHERE = ("source_ip", "user_agent", "secure", "referer")


def make(actor: Actor, service_id: object) -> str:
    """A bearer for one call of one service from a page; never stored, never shown."""
    signer = signing.TimestampSigner(salt=SALT)
    content = {
        "user": str(actor.user_id),
        "service": str(service_id),
        "where": {name: getattr(actor, name) for name in WHERE},
    }
    return PREFIX + signer.sign_object(content)


def read(bearer: str, service_id: str) -> tuple[uuid.UUID, dict[str, Any]] | None:
    """User id and circumstances (``WHERE``) behind a bearer, or None where it is none of ours, too
    old or for another service."""
    if not bearer.startswith(PREFIX):
        return None
    signer = signing.TimestampSigner(salt=SALT)
    try:
        content = signer.unsign_object(bearer.removeprefix(PREFIX), max_age=SECONDS)
        if content["service"] != service_id:
            return None
        where: Mapping[str, Any] = content["where"]
        return uuid.UUID(content["user"]), {name: where[name] for name in WHERE}
    except (signing.BadSignature, KeyError, ValueError, TypeError):
        return None

"""One submit of a form makes one object: the page's part of idempotency."""

from __future__ import annotations

from core.actor import Actor
from core.models import IdempotencyRecord


def result(actor: Actor, key: str) -> str:
    """Where the first submit of this form led, "" for a first one."""
    if not key:
        return ""
    row = IdempotencyRecord.objects.filter(user_id=actor.user_id, key=f"page:{key}").first()
    return str(row.headers.get("Location", "")) if row else ""


def remember(actor: Actor, key: str, url: str) -> None:
    """Keep where this submit led, for a repeated one."""
    if key:
        IdempotencyRecord.objects.get_or_create(
            user_id=actor.user_id,
            key=f"page:{key}",
            defaults={"fingerprint": "page", "status": 302, "headers": {"Location": url}},
        )

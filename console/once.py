"""One submit of a form makes one object: the page's part of idempotency."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, transaction

from core.actor import Actor
from core.models import IdempotencyRecord

T = TypeVar("T")


def run(
    actor: Actor, key: str, make: Callable[[], T], url_of: Callable[[T], str]
) -> tuple[T | None, str]:
    """What ``make`` made and its address; (None, the first one's address) for a repeated submit.

    The key is taken in the transaction that makes the object. So a second click waits for the
    first and is led to what that made, and a first one that failed leaves the key free.

    Raises: whatever ``make`` raises; nothing of it remains.
    """
    with transaction.atomic():
        row = _take(actor, key) if key else None
        if key and row is None:
            return None, result(actor, key)
        made = make()
        url = url_of(made)
        if row is not None:
            row.headers = {"Location": url}
            row.save(update_fields=["headers"])
        return made, url


def _take(actor: Actor, key: str) -> IdempotencyRecord | None:
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(
                user_id=actor.user_id, key=f"page:{key}", fingerprint="page", status=302
            )
    except IntegrityError:
        return None


def result(actor: Actor, key: str) -> str:
    """Where the first submit of this form led, "" for a first one."""
    if not key:
        return ""
    row = IdempotencyRecord.objects.filter(user_id=actor.user_id, key=f"page:{key}").first()
    return str(row.headers.get("Location", "")) if row else ""

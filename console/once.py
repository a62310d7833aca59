"""One request makes one object, however often it is sent: forms and ``Idempotency-Key`` alike.

The key is taken in the transaction that makes the object and keeps the answer. So a second request
waits for the first and gets what that made, and a first one that failed, or whose process was
killed, leaves the key free: nothing can stay "in progress".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction

from console import messages
from core.actor import Actor
from core.errors import Conflict
from core.models import IdempotencyRecord

T = TypeVar("T")

WAIT_MS = 20_000  # for the request that holds the key; SQLite waits as long for its one writer
LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html


def answer(
    actor: Actor, key: str, fingerprint: str, make: Callable[[IdempotencyRecord], T]
) -> tuple[T | None, IdempotencyRecord]:
    """What ``make`` made, and the record with the answer that ``make`` wrote into it.

    (None, the first one's record) for a repeated request.

    Raises:
        Conflict: the first request has not ended after 20 seconds.
        Whatever ``make`` raises; nothing of it remains, and the key is free.
    """
    with transaction.atomic():
        row = _take(actor, key, fingerprint)
        if row is None:
            return None, _first(actor, key)
        made = make(row)
        row.save(update_fields=["status", "body", "headers"])
        return made, row


def run(
    actor: Actor, form: str, key: str, make: Callable[[], T], url_of: Callable[[T], str]
) -> tuple[T | None, str]:
    """A submitted form: what ``make`` made and its address; (None, the first one's address) for a
    repeated submit. Without a key every submit is a first one. ``form`` names the form: the key
    of one is nothing to another.

    Raises: as ``answer``.
    """
    if not key:
        with transaction.atomic():
            made = make()
            return made, url_of(made)

    def first(row: IdempotencyRecord) -> T:
        made = make()
        row.status, row.headers = 302, {"Location": url_of(made)}
        return made

    found, row = answer(actor, f"page:{form}:{key}", form, first)
    return found, str(row.headers.get("Location", ""))


def result(actor: Actor, form: str, key: str) -> str:
    """Where the first submit of this form led, "" for a first one."""
    if not key:
        return ""
    row = IdempotencyRecord.objects.filter(user_id=_user(actor), key=f"page:{form}:{key}").first()
    return str(row.headers.get("Location", "")) if row else ""


def _user(actor: Actor) -> UUID:
    """Whose keys these are. Only users send forms and keys."""
    if actor.user_id is None:
        raise RuntimeError("An idempotency key belongs to a user.")
    return actor.user_id


def _take(actor: Actor, key: str, fingerprint: str) -> IdempotencyRecord | None:
    try:
        with transaction.atomic():
            _patience(WAIT_MS)
            row = IdempotencyRecord.objects.create(
                user_id=_user(actor), key=key, fingerprint=fingerprint
            )
            _patience(None)
            return row
    except IntegrityError:
        return None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise _busy() from error
        raise


def _patience(milliseconds: int | None) -> None:
    """How long the next statements wait for a lock; None for as long as it takes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(milliseconds or 0)])


def _first(actor: Actor, key: str) -> IdempotencyRecord:
    row = IdempotencyRecord.objects.filter(user_id=_user(actor), key=key).first()
    if row is None or not row.status:  # forgotten just now: its 24 hours are over
        raise _busy()
    return row


def _busy() -> Conflict:
    return Conflict(messages.IDEMPOTENCY_IN_PROGRESS())

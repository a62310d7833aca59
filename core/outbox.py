""" "Look at this object": written with the change, published after the commit."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import takewhile

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string

from core.models import OutboxMessage, Resource

log = logging.getLogger("modelyard.outbox")

UNPUBLISHED_AFTER = dt.timedelta(seconds=5)
KEPT = dt.timedelta(hours=1)


@dataclass(slots=True)
class Looking:
    """A look going on in this thread, and whether it was asked for another one meanwhile."""

    resource_type: str
    resource_id: str
    again: bool = False


_looking: ContextVar[Looking | None] = ContextVar("looking", default=None)


@contextmanager
def looking(resource_type: str, resource_id: str) -> Iterator[Looking]:
    """While it lasts, this thread looks at one object itself."""
    mine = Looking(resource_type, resource_id)
    before = _looking.set(mine)
    try:
        yield mine
    finally:
        _looking.reset(before)


def poke(obj: Resource) -> None:
    """Ask the reconcilers to look at ``obj`` once this transaction has committed.

    A look that is going on in this thread needs no message: it makes another round before it ends.
    If the process dies, ``next_look_at`` is written with the move.
    """
    here = _looking.get()
    kind, pk = obj._meta.label_lower, str(obj.pk)
    if here is not None and (here.resource_type, here.resource_id) == (kind, pk):
        here.again = True
        return
    message = OutboxMessage.objects.create(
        account=str(obj.account_id), resource_type=kind, resource_id=pk
    )
    transaction.on_commit(lambda: publish(message), robust=True)


def publish(message: OutboxMessage) -> bool:
    """Hand one message to the broker. A broker that is away costs one sweep, not the message."""
    send = import_string(settings.MODELYARD_PUBLISHER)
    try:
        send(message.resource_type, message.resource_id)
    except Exception as error:  # noqa: BLE001 any broker failure: the sweeper tries again
        log.warning("broker did not take %s: %s", message, error)
        return False
    OutboxMessage.objects.filter(pk=message.pk).update(published_at=timezone.now())
    return True


def sweep() -> int:
    """Publish what a crash or an absent broker left behind; forget what is long published."""
    now = timezone.now()
    # Written "in the future": before somebody set the clock back.
    old = Q(created_at__lt=now - UNPUBLISHED_AFTER) | Q(created_at__gt=now + UNPUBLISHED_AFTER)
    waiting = OutboxMessage.objects.filter(old, published_at__isnull=True).order_by("id")[:500]
    sent = sum(1 for _message in takewhile(publish, waiting))  # no broker for one, none for all
    OutboxMessage.objects.filter(published_at__lt=now - KEPT).delete()
    return sent


def publish_nowhere(resource_type: str, resource_id: str) -> None:
    """Publisher for tests that call the reconcilers themselves."""

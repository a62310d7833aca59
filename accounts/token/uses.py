"""When and from where a token was last used: a help for people, so no request waits for it."""

from __future__ import annotations

import contextvars
import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from accounts.token.models import ApiToken
from core.nowait import nowait

#: one write a minute is enough
EVERY = dt.timedelta(seconds=60)
#: of tokens whose use is to be written; further ones are dropped
MOST_COLLECTED = 10_000

#: token -> when, and from which address
Uses = dict[UUID, tuple[dt.datetime, str]]
_collected: contextvars.ContextVar[Uses | None] = contextvars.ContextVar("uses", default=None)


class collected:  # no generator: every request makes one
    """Inside, uses are put into ``uses``, for ``write`` later, and nothing is written."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses

    def __enter__(self) -> None:
        self._before = _collected.set(self._uses)

    def __exit__(self, *_error: object) -> None:
        _collected.reset(self._before)


def note(token: UUID, at: dt.datetime, ip: str) -> None:
    """Write a use now, or drop it where the database is busy; or collect it."""
    uses = _collected.get()
    if uses is None:
        write({token: (at, ip)})
    elif token in uses or len(uses) < MOST_COLLECTED:
        uses[token] = (at, ip)


def write(uses: Mapping[UUID, tuple[dt.datetime, str]]) -> None:
    """Write uses, or drop them where the database is busy."""
    with nowait(), transaction.atomic():
        due = ApiToken.objects.filter(pk__in=uses).select_for_update(skip_locked=True, of=("self",))
        for token, last in due.values_list("pk", "last_used_at"):
            at, ip = uses[token]
            if last is None or last < at - EVERY:
                ApiToken.objects.filter(pk=token).update(last_used_at=at, last_used_ip=ip[:45])

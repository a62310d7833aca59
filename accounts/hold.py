"""Keeping rights still while a transaction acts on them, and looking at the credential again.

One lock per account: who writes takes it shared, who changes rights takes it alone, so whatever a
decision reads (policies, attachments, memberships, the user's state, agencies, tokens, sessions,
shares) stays as it was read until the transaction ends. One lock in place of a lock per row cannot
be taken in a wrong order by halves, and does not forget a table.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import facts, messages
from accounts.token.models import ApiToken
from accounts.user.models import User
from core.errors import NotAuthenticated
from core.prepared import Prepared

if TYPE_CHECKING:
    from core.actor import Actor


def hold(actor: Actor, accounts: Mapping[str, bool]) -> None:
    """See ``core.access.Engine.hold``. SQLite lets one writer in at a time anyway, and its
    transactions begin with that turn.

    An advisory lock, not the account's row: its queue is fair, so writers who come without a pause
    do not keep a change of rights waiting, and nothing is written for it. Always in the order of
    the ids.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for account_id, alone in sorted(accounts.items()):
                kind = "" if alone else "_shared"
                cursor.execute(
                    f"SELECT pg_advisory_xact_lock{kind}(hashtextextended(%s, 0))",
                    [f"rights:{account_id}"],
                )
    facts.renew()
    confirm(actor)


_TOKEN = Prepared(
    lambda token_id, now: ApiToken.objects.filter(
        pk=token_id, revoked_at=None, expires_at__gt=now
    ).values_list("pk"),
    token_id=ApiToken._meta.get_field("id"),
    now=ApiToken._meta.get_field("expires_at"),
)


def by_token(token_id: UUID) -> str:
    """The credential of a caller who sent this token."""
    return f"token:{token_id}"


def by_password(user: User) -> str:
    """The credential of a caller who typed the user's present password."""
    return f"password:{_digest(user.password)}"


def by_session(session_key: str | None) -> str:
    """The credential of a browser that is signed in."""
    return f"session:{session_key or ''}"


def confirm(actor: Actor) -> None:
    """Raise NotAuthenticated when what the actor signed in with has ended. Whether user and account
    are active is a step of every decision."""
    if not still_holds(actor):
        raise NotAuthenticated(messages.SIGNED_OUT_MEANWHILE())


def still_holds(actor: Actor) -> bool:
    """Whether token, session or password of the actor are in force now; True where the platform
    made the actor itself."""
    kind, _colon, value = actor.credential.partition(":")
    if kind == "token":
        return _TOKEN.row(token_id=UUID(value), now=timezone.now()) is not None
    if kind == "session":
        return bool(import_module(settings.SESSION_ENGINE).SessionStore().exists(value))
    if kind == "password":
        found = User.objects.unscoped("is it still the password").filter(pk=actor.user_id)
        present = found.values_list("password", flat=True).first()
        return present is not None and hmac.compare_digest(_digest(present), value)
    return True


def _digest(stored: str) -> str:
    return hashlib.sha256(stored.encode()).hexdigest()

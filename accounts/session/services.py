"""Console sessions: begin, keep alive, list, end."""

from __future__ import annotations

import datetime as dt
import time
from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.actors import client_ip, user_id_of
from accounts.session.models import SignInSession
from accounts.user.models import User
from core import access, audit
from core.actor import Actor
from core.errors import NotFound

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
#: writing "seen" at most this often keeps reading pages free of writes
SEEN_EVERY = 60  # seconds


def begin(request: HttpRequest, user: User) -> None:
    """Sign ``user`` in on this browser. The session id changes, so a planted one is worthless."""
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    now = int(time.time())
    request.session[SIGNED_IN_AT] = now
    request.session[SEEN_AT] = now
    request.session.save()
    SignInSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "ip": client_ip(request),
            "user_agent": request.headers.get("User-Agent", "")[:200],
        },
    )


def is_over(request: HttpRequest) -> bool:
    """Idle for more than SESSION_IDLE_SECONDS, or older than SESSION_COOKIE_AGE."""
    now = time.time()
    started = request.session.get(SIGNED_IN_AT, 0)
    seen = request.session.get(SEEN_AT, 0)
    return bool(
        now - started > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS
    )


def touch(request: HttpRequest) -> None:
    """Note that the session is in use."""
    now = int(time.time())
    if now - request.session.get(SEEN_AT, 0) >= SEEN_EVERY:
        request.session[SEEN_AT] = now
        SignInSession.objects.filter(session_key=request.session.session_key).update(
            seen_at=timezone.now()
        )


def finish(request: HttpRequest, actor: Actor | None = None) -> None:
    """Sign out here: the session is gone on the server, not only its cookie. ``actor``: who asked
    for it; None where a session ends by itself."""
    row = SignInSession.objects.filter(session_key=request.session.session_key).first()
    with transaction.atomic():
        if row is not None:
            row.delete()
            if actor is not None:
                audit.record(actor, event="logout", action="iam:users:signIn", target=row.user)
    logout(request)


def renew(request: HttpRequest, user: User) -> None:
    """Keep this browser signed in after its password changed, under a new session id."""
    SignInSession.objects.filter(session_key=request.session.session_key).delete()
    begin(request, user)


def own_sessions(actor: Actor) -> list[SignInSession]:
    """Where the actor is signed in, newest first."""
    oldest = timezone.now() - dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    idle = timezone.now() - dt.timedelta(seconds=settings.SESSION_IDLE_SECONDS + SEEN_EVERY)
    return list(
        SignInSession.objects.filter(
            user_id=user_id_of(actor), created_at__gt=oldest, seen_at__gt=idle
        ).order_by("-created_at")
    )


def end(actor: Actor, session_id: UUID) -> None:
    """End one of the actor's own sessions. Raises NotFound for anybody else's."""
    row = SignInSession.objects.filter(pk=session_id, user_id=user_id_of(actor)).first()
    if row is None:
        raise NotFound()
    with access.writing(actor, changes=(actor.account_id,)):
        _drop([row.session_key])
        audit.record(actor, event="endSession", action="iam:users:endSessions", target=row.user)


def end_all(user: User, *, but: str | None = None) -> int:
    """End every session of ``user`` except the one called ``but``; returns how many."""
    rows = SignInSession.objects.filter(user=user)
    if but:
        rows = rows.exclude(session_key=but)
    keys = list(rows.values_list("session_key", flat=True))
    _drop(keys)
    return len(keys)


def end_everybody() -> int:
    """End every session of every user; returns how many."""
    keys = list(SignInSession.objects.values_list("session_key", flat=True))
    _drop(keys)
    return len(keys)


def _drop(keys: list[str]) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in keys:
        store(key).delete()
    SignInSession.objects.filter(session_key__in=keys).delete()

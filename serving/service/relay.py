"""Calls of services from pages, through the gateway: so many at once, and each so long in all.

Each holds a thread of the web process while a tenant's code answers, or does not.
"""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from compute import whole
from core.actor import Actor
from core.errors import AppError, TooManyRequests, Unavailable
from serving import messages
from serving.gateway.protocol import is_answer
from serving.service import pass_on
from serving.service.calls import MAX_BODY, called
from serving.service.deadline import Deadline
from serving.service.models import Service

CONNECT_SECONDS = 5
RETRY_AFTER = 5


class Calls:
    """The calls under way in this process, counted by user."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_user: Counter[Any] = Counter()

    @contextmanager
    def one(self, user_id: Any) -> Iterator[None]:
        """Hold a place while the call lasts. Raises TooManyRequests, Unavailable."""
        with self._lock:
            self._refuse_beyond(user_id)
            self._of_user[user_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of_user[user_id] -= 1
                self._of_user += Counter()  # forgets users without one

    def under_way(self) -> int:
        """How many there are, of everybody."""
        return self._of_user.total()

    def _refuse_beyond(self, user_id: Any) -> None:
        again = {"retry_after": RETRY_AFTER}
        if self._of_user[user_id] >= settings.PREDICT_CALLS_PER_USER:
            raise TooManyRequests(
                messages.CALLS_OF_USER(limit=settings.PREDICT_CALLS_PER_USER), extra=again
            )
        if self._of_user.total() >= settings.MODELYARD_PREDICT_CALLS:
            raise Unavailable(messages.TOO_MANY_CALLS(), extra=again)


calls = Calls()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said."""

    status: int
    kind: str
    content: bytes


def ask(actor: Actor, service: Service, body: bytes, content_type: str) -> Answer:
    """The answer of ``service`` to its first call, as this user. Raises AppError."""
    seconds = settings.PREDICT_SECONDS
    connection = gateway(settings.GATEWAY_URL)
    deadline = None
    method, path = called(service.config)
    try:
        connection.connect()
        deadline = Deadline(connection.sock, seconds)
        connection.sock.settimeout(None)  # the deadline ends every wait
        connection.request(
            method,
            f"/v1/infers/{service.pk}{path}",
            body=None if method == "GET" else body,
            headers={
                "Authorization": f"Bearer {pass_on.make(actor, service.pk)}",
                "Content-Type": content_type,
                "X-Request-Id": actor.request_id,
            },
        )
        answer = connection.getresponse()
        kind = answer.headers.get("Content-Type", "application/json")
        found = Answer(answer.status, kind, whole.read(answer, MAX_BODY))
    except (OSError, http.client.HTTPException) as broken:
        if deadline is None or not deadline.late:
            raise _broken(broken) from broken
    finally:
        if deadline is not None:
            deadline.end()
        connection.close()
    if deadline.late:
        raise _refused(504, messages.ANSWER_TOO_LATE(seconds=seconds))
    if not is_answer(found.status):
        raise _refused(502, messages.BAD_ANSWER(status=found.status))
    return found


def gateway(url: str) -> http.client.HTTPConnection:
    """A connection to the gateway at its own address, which is https behind a proxy."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "127.0.0.1", parts.port, timeout=CONNECT_SECONDS)


def _broken(why: Exception) -> AppError:
    if isinstance(why, whole.TooLong):
        return _refused(502, messages.ANSWER_TOO_LARGE(limit=MAX_BODY >> 20))
    if isinstance(why, whole.CutOff):
        return _refused(502, messages.ANSWER_CUT(why=why))
    return Unavailable(messages.GATEWAY_AWAY())


def _refused(status: int, message: str) -> AppError:
    error = AppError(message)
    error.status = status
    return error
